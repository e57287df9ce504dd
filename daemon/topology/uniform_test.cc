#include "daemon/topology/uniform.h"

#include <gmock/gmock.h>

namespace ithaca::topology {
namespace {

using ::testing::StartsWith;

TEST(MakeUniformTopology, JoinsWhatTheTableSaysIsJoined) {
  const auto hgx = MakeUniformTopology({2, 8, "h100-80g"});
  ASSERT_TRUE(hgx.ok()) << hgx.status();
  EXPECT_EQ(hgx->nodes(1).accelerators(7).nvlink_domain(), "node1");
  EXPECT_EQ(hgx->levels_size(), 0);

  const auto nvl72 = MakeUniformTopology({36, 4, "gb200"});
  ASSERT_TRUE(nvl72.ok());
  EXPECT_EQ(nvl72->nodes(17).accelerators(0).nvlink_domain(), "rack0");
  EXPECT_EQ(nvl72->nodes(18).accelerators(0).nvlink_domain(), "rack1");

  const auto wide = MakeUniformTopology({1, 16, "a100-80g"});
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(wide->nodes(0).accelerators(7).nvlink_domain(), "node0/0");
  EXPECT_EQ(wide->nodes(0).accelerators(8).nvlink_domain(), "node0/1");

  const auto pcie = MakeUniformTopology({1, 2, "l40s"});
  ASSERT_TRUE(pcie.ok());
  EXPECT_TRUE(pcie->nodes(0).accelerators(0).has_nvlink_domain());
  EXPECT_EQ(pcie->nodes(0).accelerators(0).nvlink_domain(), "");

  const auto bridge = MakeUniformTopology({1, 2, "h100-nvl"});
  ASSERT_TRUE(bridge.ok());
  EXPECT_FALSE(bridge->nodes(0).accelerators(0).has_nvlink_domain());
}

TEST(MakeUniformTopology, TakesTheNetworkAsItIsTold) {
  UniformCluster asked{5, 8, "h200"};
  asked.rails_per_node = 4;
  asked.rail_mbps = 400'000;
  asked.nodes_per_leaf = 2;
  asked.oversubscription = 3;
  asked.host_memory_bytes = 1 << 30;
  const auto topology = MakeUniformTopology(asked);
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->nodes(4).pods(0), "leaf2");
  EXPECT_EQ(topology->nodes(4).rails(3).speed_mbps(), 400'000u);
  EXPECT_EQ(topology->levels(0).oversubscription(), 3);
  EXPECT_EQ(topology->nodes(0).host_memory_bytes(), 1u << 30);
}

TEST(MakeUniformTopology, NamesTheFieldAtFault) {
  const auto message = [](const UniformCluster& cluster) {
    return std::string(MakeUniformTopology(cluster).status().message());
  };
  EXPECT_THAT(message({0, 8, "h100"}), StartsWith("nodes: is 0"));
  EXPECT_THAT(message({1, 0, "h100"}), StartsWith("accelerators_per_node: "));
  EXPECT_THAT(message({65536, 1024, "h100"}),
              StartsWith("nodes * accelerators_per_node: "));
  EXPECT_THAT(message({1, 8, "h101"}), StartsWith("accelerator: "));
  UniformCluster bad{1, 1, "h100"};
  bad.nodes_per_leaf = 1;
  bad.oversubscription = 0;
  EXPECT_THAT(message(bad), StartsWith("cluster.levels[0].oversubscription"));
}

}  // namespace
}  // namespace ithaca::topology
