// Groups on one daemon over SQLite: what concurrent clients see while it is
// killed, stopped, moved in time and out of disk is linearizable, and watches
// hold their rules.
//
// HISTORIES_SECONDS: how long each history takes (default 1).
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/histories/daemon_process.h"
#include "tests/histories/group_run.h"
#include "tests/histories/private_mounts.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;

milliseconds Duration() {
  const char* seconds = std::getenv("HISTORIES_SECONDS");
  return milliseconds(seconds == nullptr ? 1000 : 1000 * std::atoi(seconds));
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
    EXPECT_GT(report.calls, 5u);
    if (watched) EXPECT_GT(report.watched, 0u);
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

// The date is set to another one, days away, again and again.
TEST_F(SqliteGroupsTest, ClockJumps) {
  const std::string file = daemon_options_.run_dir + "/shift";
  const auto set = [&file](int64_t shift_ns) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.write(reinterpret_cast<const char*>(&shift_ns), sizeof shift_ns);
  };
  std::ofstream(file, std::ios::binary) << std::string(8, '\0');
  daemon_options_.environment = {
      {"LD_PRELOAD",
       std::filesystem::absolute("tests/histories/libclock_shift.so")},
      {"ITHACA_CLOCK_SHIFT", file}};
  StartDaemon();
  GroupRun run(RunOptions());
  constexpr int64_t kHours = 3'600'000'000'000;
  int64_t shift_ns = 0;
  while (!Over()) {
    std::this_thread::sleep_for(milliseconds(Below(100)));
    shift_ns = (Below(200) - 100) * kHours;
    set(shift_ns);
  }
  Expect(&run);
  // The daemon did believe it: its log has the date.
  set(1000 * kHours);
  daemon_->Terminate();
  const std::string today =
      absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone());
  const std::string log = daemon_->LogText();
  EXPECT_EQ(log.find(today, log.find("drain")), std::string::npos) << log;
}

// A small disk in memory, which another file fills up and leaves again.
class FullDiskTest : public SqliteGroupsTest {
 protected:
  void TearDown() override {
    daemon_.reset();
    if (mounted_) umount2(daemon_options_.run_dir.c_str(), MNT_DETACH);
  }
  void Fill(const std::string& file) {
    const std::string block(4096, 'x');
    std::ofstream filler(file);
    while (filler.write(block.data(), 4096) && filler.flush()) {
    }
  }
  bool mounted_ = false;
};

TEST_F(FullDiskTest, Groups) {
  const std::string& folder = daemon_options_.run_dir;
  mounted_ = kPrivateMounts && mount("tmpfs", folder.c_str(), "tmpfs", 0,
                                     "size=16m,mode=0755") == 0;
  if (!mounted_) GTEST_SKIP() << "SKIPPED: cannot mount a tmpfs";
  StartDaemon();
  GroupRun::Options options = RunOptions();
  options.away = true;
  GroupRun run(options);
  while (!Over()) {
    std::this_thread::sleep_for(milliseconds(Below(300)));
    faults_.Break();
    Fill(folder + "/filler");
    std::this_thread::sleep_for(milliseconds(Below(300)));
    unlink((folder + "/filler").c_str());
  }
  Expect(&run);
}

}  // namespace
}  // namespace ithaca::histories
