// The fixture itself: a test that believes in a dead member proves nothing.

#include "daemon/store/etcd/etcd_cluster_for_test.h"

#include <gtest/gtest.h>

namespace ithaca::store::etcd {
namespace {

TEST(EtcdClusterForTest, MembersDieAndComeBack) {
  if (const std::string why = EtcdCluster::WhyNot(); !why.empty())
    GTEST_SKIP() << why;
  auto started = EtcdCluster::Start({});
  ASSERT_TRUE(started.ok()) << started.status();
  EtcdCluster& cluster = **started;
  ASSERT_EQ(cluster.size(), 3u);
  const auto leader = cluster.Leader();
  ASSERT_TRUE(leader.ok()) << leader.status();
  cluster.Kill(*leader);
  EXPECT_EQ(cluster.pid(*leader), 0);
  const auto next = cluster.Leader();
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_NE(*next, *leader);
  ASSERT_TRUE(cluster.Restart(*leader).ok());
  ASSERT_TRUE(cluster.WaitUntilHealthy().ok());
  cluster.Pause(*next);
  const auto third = cluster.Leader();
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_NE(*third, *next);
  cluster.Resume(*next);
  EXPECT_TRUE(cluster.WaitUntilHealthy().ok());
  EXPECT_TRUE(cluster.Compact(0).ok());
}

}  // namespace
}  // namespace ithaca::store::etcd
