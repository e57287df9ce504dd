// Stores under concurrent clients and watchers: SQLite alone and with a full
// disk, a three-member etcd whose members are killed and stopped.
//
// HISTORIES_SECONDS: how long each history takes (default 1; etcd twice that).
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "daemon/store/open_store.h"
#include "tests/histories/private_mounts.h"
#include "tests/histories/store_run.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using store::etcd::EtcdCluster;

milliseconds Duration() {
  const char* seconds = std::getenv("HISTORIES_SECONDS");
  return milliseconds(seconds == nullptr ? 1000 : 1000 * std::atoi(seconds));
}

class StoreHistoriesTest : public testing::Test {
 protected:
  StoreHistoriesTest() {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed_));
    options_.seed = seed_;
    folder_ = std::string(std::getenv("TEST_TMPDIR") == nullptr
                              ? "/tmp"
                              : std::getenv("TEST_TMPDIR")) +
              "/histories.XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }

  void Open(const std::string& spec) {
    auto opened = store::OpenStore(spec, [](const std::string&) {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    options_.stores.push_back(opened->get());
    stores_.push_back(std::move(*opened));
  }

  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  void Expect(StoreRun* run, size_t calls) {
    const StoreReport report = run->Finish();
    std::printf("%s\n", Summary(report).c_str());
    for (const std::string& violation : report.violations)
      ADD_FAILURE() << violation;
    EXPECT_GT(report.calls, calls);
    // On a busy machine a short run may end before its watchers began.
    if (report.calls > 1000) {
      EXPECT_GT(report.watched, calls / 10);
    }
  }

  const uint64_t seed_ = std::random_device()();
  std::mt19937_64 random_{seed_};
  std::string folder_;
  std::vector<std::unique_ptr<store::Store>> stores_;
  StoreRun::Options options_;
};

TEST_F(StoreHistoriesTest, Sqlite) {
  Open("sqlite:" + folder_ + "/store.db");
  StoreRun run(options_);
  std::this_thread::sleep_for(Duration());
  Expect(&run, 100);
}

// A disk in memory, which another file fills up and leaves again. It has room
// for SQLite's log as it grows between checkpoints (4 MiB).
class FullDiskTest : public StoreHistoriesTest {
 protected:
  void TearDown() override {
    stores_.clear();
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted_ = false;
};

TEST_F(FullDiskTest, Sqlite) {
  mounted_ = kPrivateMounts &&
             mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16m") == 0;
  if (!mounted_) GTEST_SKIP() << "SKIPPED: cannot mount a tmpfs";
  Open("sqlite:" + folder_ + "/store.db");
  StoreRun run(options_);
  const auto end = steady_clock::now() + Duration();
  const std::string block(4096, 'x');
  while (steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(Below(100)));
    {
      std::ofstream filler(folder_ + "/filler");
      while (filler.write(block.data(), 4096) && filler.flush()) {
      }
    }
    std::this_thread::sleep_for(milliseconds(Below(100)));
    unlink((folder_ + "/filler").c_str());
  }
  Expect(&run, 100);
}

class EtcdHistoriesTest : public StoreHistoriesTest {
 protected:
  void SetUp() override {
    if (std::string why = EtcdCluster::WhyNot(); !why.empty())
      GTEST_SKIP() << why;
    auto cluster = EtcdCluster::Start({});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = std::move(*cluster);
    // Each client has a store of its own, as daemons have.
    for (int i = 0; i < 3; ++i) Open("etcd:" + cluster_->endpoints());
    end_ = steady_clock::now() + 2 * Duration();
  }
  bool Over() const { return steady_clock::now() >= end_; }

  std::unique_ptr<EtcdCluster> cluster_;
  steady_clock::time_point end_;
};

TEST_F(EtcdHistoriesTest, MembersKilled) {
  StoreRun run(options_);
  while (!Over()) {
    std::this_thread::sleep_for(milliseconds(200 + Below(800)));
    const auto victim = static_cast<size_t>(Below(3));
    cluster_->Kill(victim);
    std::this_thread::sleep_for(milliseconds(Below(800)));
    ASSERT_TRUE(cluster_->Restart(victim).ok());
    ASSERT_TRUE(cluster_->WaitUntilHealthy().ok());
  }
  Expect(&run, 100);
}

TEST_F(EtcdHistoriesTest, MembersStoppedAndHistoryForgotten) {
  StoreRun run(options_);
  while (!Over()) {
    std::this_thread::sleep_for(milliseconds(Below(500)));
    const auto victim = static_cast<size_t>(Below(3));
    cluster_->Pause(victim);
    std::this_thread::sleep_for(milliseconds(Below(1500)));
    cluster_->Resume(victim);
    if (Below(2) == 0) cluster_->Compact(0).IgnoreError();
  }
  Expect(&run, 100);
}

}  // namespace
}  // namespace ithaca::histories
