// Groups on one daemon over SQLite: what concurrent clients see while it is
// killed, stopped, moved in time and out of disk is linearizable, and watches
// hold their rules.
//
// HISTORIES_SECONDS: how long each history takes (default 2).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/histories/daemon_process.h"
#include "tests/histories/group_run.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;

milliseconds Duration() {
  const char* seconds = std::getenv("HISTORIES_SECONDS");
  return milliseconds(seconds == nullptr ? 2000 : 1000 * std::atoi(seconds));
}

class SqliteGroupsTest : public testing::Test {
 protected:
  SqliteGroupsTest() {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed_));
    daemon_options_.run_dir = ShortFolder();
    daemon_options_.arguments = {"--member_grace=300ms"};
  }

  void StartDaemon() {
    daemon_.emplace(daemon_options_);
    const Status started = daemon_->Start();
    ASSERT_TRUE(started.ok()) << started.ToString();
    ASSERT_TRUE(daemon_->WaitUntilServing()) << daemon_->LogText();
  }

  GroupRun::Options RunOptions() {
    GroupRun::Options options;
    options.sockets = {daemon_->socket()};
    options.seed = seed_;
    options.meetings = options.spares = true;
    options.faults = &faults_;
    return options;
  }

  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  bool Over() const { return std::chrono::steady_clock::now() >= end_; }

  static void Expect(GroupRun* run, bool watched = true) {
    const GroupReport report = run->Finish();
    std::printf("%s\n", Summary(report).c_str());
    for (const std::string& violation : report.violations)
      ADD_FAILURE() << violation;
    EXPECT_GT(report.calls, 20u);
    if (watched) EXPECT_GT(report.watched, 5u);
  }

  const uint64_t seed_ = std::random_device()();
  std::mt19937_64 random_{seed_};
  DaemonProcess::Options daemon_options_;
  std::optional<DaemonProcess> daemon_;
  FaultLog faults_;
  const std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + Duration();
};

TEST_F(SqliteGroupsTest, Undisturbed) {
  StartDaemon();
  GroupRun run(RunOptions());
  std::this_thread::sleep_for(Duration());
  Expect(&run);
}

TEST_F(SqliteGroupsTest, WithDeletions) {
  StartDaemon();
  GroupRun::Options options = RunOptions();
  options.deletes = true;
  options.watchers = 0;
  GroupRun run(options);
  std::this_thread::sleep_for(Duration());
  Expect(&run, /*watched=*/false);
}

TEST_F(SqliteGroupsTest, Killed) {
  StartDaemon();
  GroupRun::Options options = RunOptions();
  options.away = true;
  GroupRun run(options);
  int kills = 0;
  for (; !Over(); ++kills) {
    std::this_thread::sleep_for(milliseconds(Below(400)));
    faults_.Break();
    daemon_->Kill();
    faults_.AllOver();
    ASSERT_TRUE(daemon_->Start().ok());
    ASSERT_TRUE(daemon_->WaitUntilServing()) << daemon_->LogText();
  }
  std::printf("%d kills\n", kills);
  Expect(&run);
}

// Shorter than whatever patience there is: nobody is lost for that.
TEST_F(SqliteGroupsTest, Stopped) {
  StartDaemon();
  GroupRun run(RunOptions());
  while (!Over()) {
    std::this_thread::sleep_for(milliseconds(100 + Below(300)));
    daemon_->Pause();
    std::this_thread::sleep_for(milliseconds(Below(900)));
    daemon_->Resume();
  }
  Expect(&run);
}

}  // namespace
}  // namespace ithaca::histories
