// Groups on a cluster: three daemons over a three-member etcd, each daemon on a
// host of its own. Daemons and members of etcd are killed, stopped and cut off;
// what clients of all three daemons saw must be one history. In particular no
// two epochs of a group can both commit, on whatever sides of a partition.
//
// HISTORIES_SECONDS: how long the history takes (default 6).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/cluster/cluster.h"
#include "tests/histories/group_run.h"
#include "tests/histories/group_seen.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using tests::Cluster;

class Nemesis {
 public:
  Nemesis(Cluster* cluster, FaultLog* faults, uint64_t seed)
      : cluster_(cluster), faults_(faults), random_(seed) {}

  // One fault, its end, and the cluster well again.
  void Strike() {
    StrikeOnce();
    cluster_->WaitUntilWell();
    const int64_t well_ns = NowNs();
    // What clients gave up before is on its way no more: a daemon that answers
    // has read what came before.
    std::this_thread::sleep_for(kSettled);
    faults_->OverNow(well_ns);
  }

 private:
  static constexpr milliseconds kSettled{500};

  void StrikeOnce() {
    const size_t node = random_() % cluster_->size();
    std::this_thread::sleep_for(milliseconds(random_() % 800));
    switch (random_() % 4) {
      case 0:
        faults_->Break();
        cluster_->Kill(node);
        std::this_thread::sleep_for(milliseconds(random_() % 1500));
        return cluster_->StartDaemon(node);
      case 1:
        faults_->Break();
        cluster_->SetLink(node, false);
        std::this_thread::sleep_for(milliseconds(500 + random_() % 3000));
        return cluster_->SetLink(node, true);
      case 2:
        faults_->Break();
        cluster_->Pause(node);
        std::this_thread::sleep_for(milliseconds(random_() % 3000));
        return cluster_->Resume(node);
      default:
        break;
    }
    store::etcd::EtcdCluster* etcd = cluster_->etcd();
    const size_t member = random_() % etcd->size();
    const milliseconds time(random_() % 2000);
    faults_->Break();
    switch (random_() % 3) {
      case 0:
        etcd->Kill(member);
        std::this_thread::sleep_for(time);
        EXPECT_TRUE(etcd->Restart(member).ok());
        break;
      case 1:
        etcd->Pause(member);
        std::this_thread::sleep_for(time);
        etcd->Resume(member);
        break;
      default:
        cluster_->SetEtcdLink(member, false);
        std::this_thread::sleep_for(time);
        cluster_->SetEtcdLink(member, true);
    }
    EXPECT_TRUE(etcd->WaitUntilHealthy().ok());
  }

  Cluster* const cluster_;
  FaultLog* const faults_;
  std::mt19937_64 random_;
};

TEST(ClusterGroupsTest, OneHistory) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Cluster::Options options;
  options.etcd_members = 3;
  options.namespaces = options.etcd_apart = true;
  if (const std::string why = Cluster::WhyNot(options); !why.empty())
    GTEST_SKIP() << why;
  const auto cluster = Cluster::Start(options);
  ASSERT_NE(cluster, nullptr);
  cluster->WaitUntilWell();

  FaultLog faults;
  GroupRun::Options run_options;
  for (size_t i = 0; i < cluster->size(); ++i)
    run_options.sockets.push_back(cluster->Connect(i)->socket());
  run_options.seed = seed;
  run_options.groups = 2;
  run_options.meetings = run_options.spares = true;
  run_options.sure = false;
  run_options.away = run_options.faults_evict = true;
  run_options.faults = &faults;
  GroupRun run(run_options);
  const char* seconds = std::getenv("HISTORIES_SECONDS");
  const auto end =
      steady_clock::now() +
      std::chrono::seconds(seconds == nullptr ? 6 : std::atoi(seconds));
  Nemesis nemesis(cluster.get(), &faults, seed);
  int strikes = 0;
  for (; steady_clock::now() < end; ++strikes) nemesis.Strike();
  const GroupReport report = run.Finish();
  std::printf("%d faults; %s\n", strikes, Summary(report).c_str());
  for (const std::string& violation : report.violations)
    ADD_FAILURE() << violation;
  EXPECT_GT(report.calls, 5u);
}

}  // namespace
}  // namespace ithaca::histories
