// A three-member etcd on three hosts that are cut off from each other and from
// the clients, one at a time and all at once.
//
// HISTORIES_SECONDS: how long the history takes (default 3).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "daemon/store/open_store.h"
#include "tests/histories/net_islands.h"
#include "tests/histories/store_run.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using store::etcd::EtcdCluster;

TEST(PartitionHistoriesTest, Etcd) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  if (std::string why = EtcdCluster::WhyNot(); !why.empty())
    GTEST_SKIP() << why;
  auto islands = NetIslands::Make(3);
  if (!islands.ok()) GTEST_SKIP() << islands.status().message();
  EtcdCluster::Options options;
  for (size_t i = 0; i < 3; ++i) {
    options.members[i].host = (*islands)->address(static_cast<int>(i));
    options.members[i].wrapper = (*islands)->wrapper(static_cast<int>(i));
  }
  auto cluster = EtcdCluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();

  std::vector<std::unique_ptr<store::Store>> stores;
  StoreRun::Options run_options;
  run_options.seed = seed;
  for (int i = 0; i < 3; ++i) {
    auto opened = store::OpenStore("etcd:" + (*cluster)->endpoints(),
                                   [](const std::string&) {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    run_options.stores.push_back(opened->get());
    stores.push_back(std::move(*opened));
  }
  StoreRun run(run_options);
  const char* seconds = std::getenv("HISTORIES_SECONDS");
  const auto end =
      steady_clock::now() +
      std::chrono::seconds(seconds == nullptr ? 3 : std::atoi(seconds));
  int cuts = 0;
  for (; steady_clock::now() < end; ++cuts) {
    std::this_thread::sleep_for(milliseconds(random() % 500));
    // One host, most often the leader's, or everybody alone.
    const auto leader = (*cluster)->Leader();
    const bool all = random() % 4 == 0;
    const int victim = random() % 2 == 0 && leader.ok()
                           ? static_cast<int>(*leader)
                           : static_cast<int>(random() % 3);
    for (int host = 0; host < 3; ++host) {
      if (all || host == victim) {
        ASSERT_TRUE((*islands)->Cut(host, true).ok());
      }
    }
    std::this_thread::sleep_for(milliseconds(200 + random() % 2000));
    for (int host = 0; host < 3; ++host) {
      if (all || host == victim) {
        ASSERT_TRUE((*islands)->Cut(host, false).ok());
      }
    }
  }
  const StoreReport report = run.Finish();
  std::printf("%d cuts; %s\n", cuts, Summary(report).c_str());
  for (const std::string& violation : report.violations)
    ADD_FAILURE() << violation;
  EXPECT_GT(report.calls, 5u);
  EXPECT_GT(report.watched, 5u);
}

}  // namespace
}  // namespace ithaca::histories
