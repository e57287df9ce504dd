#include "daemon/topology/topology_table.h"

#include <gmock/gmock.h>

#include <sstream>

#include "daemon/topology/uniform.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

size_t WidestLine(const std::string& text) {
  std::istringstream in(text);
  size_t widest = 0;
  for (std::string line; std::getline(in, line);)
    widest = std::max(widest, line.size());
  return widest;
}

TEST(TopologyTable, AThousandEqualNodesFitAScreen) {
  UniformCluster asked{1000, 8, "h100"};
  asked.rails_per_node = 8;
  asked.rail_mbps = 400'000;
  asked.nodes_per_leaf = 32;
  asked.oversubscription = 2;
  const std::string text = TopologyTable(*MakeUniformTopology(asked));
  for (const char* part :
       {"1000 nodes, 8000 accelerators", "leaf  32 pods, oversubscription 2",
        "node[0-999]  1000 nodes", "gpu[0-7]  NVIDIA H100 80GB HBM3",
        "80GiB at 3.35TB/s, 989TFLOPS", "NVLink 450GB/s within the node",
        "PCIe 32GT/s x16", "rail[0-7]  400Gbps", "main memory unknown"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_LE(WidestLine(text), 100u) << text;
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 24) << text;
}

TEST(TopologyTable, WhatIsNotKnownSaysSo) {
  v1::Topology topology;
  v1::Node& node = *topology.add_nodes();
  node.set_name("n");
  node.add_accelerators();
  node.add_rails()->set_name("eth0");
  topology.add_levels()->set_name("leaf");
  const std::string text = TopologyTable(topology);
  for (const char* part :
       {"oversubscription unknown, uplink unknown", "processors unknown",
        "accelerator of unknown model, unknown at unknown, unknown",
        "NVLink unknown, PCIe unknown, NUMA unknown", "eth0  unknown"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(TopologyTable({}), HasSubstr("between nodes: unknown"));
}

}  // namespace
}  // namespace ithaca::topology
