#include "daemon/topology/merge.h"

#include <gmock/gmock.h>

#include "daemon/topology/cluster_yaml.h"
#include "daemon/topology/facts.h"
#include "daemon/topology/uniform.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::Topology Yaml(const std::string& path, const std::string& text) {
  const auto topology = ReadClusterYaml("ithaca_topology: 1\n" + text, path);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

Merged MustMerge(const std::vector<v1::Topology>& topologies) {
  auto merged = MergeTopologies(topologies);
  EXPECT_TRUE(merged.ok()) << merged.status();
  return merged.ok() ? *std::move(merged) : Merged();
}

TEST(MergeTopologies, OneIsItself) {
  const v1::Topology one = *MakeUniformTopology({3, 2, "h100"});
  const Merged merged = MustMerge({one});
  EXPECT_EQ(FactsOf(merged.topology).SerializeAsString(),
            FactsOf(one).SerializeAsString());
  EXPECT_THAT(merged.conflicts, IsEmpty());
  EXPECT_EQ(MustMerge({}).topology.nodes_size(), 0);
}

TEST(MergeTopologies, FactsComplementEachOther) {
  const Merged merged = MustMerge(
      {Yaml("a",
            "nodes: [{names: 'n[1-2]', rails: [{names: eth0, speed: "
            "400Gbps}], cpu: {vendor: V}}]"),
       Yaml("b",
            "levels: [{name: leaf}]\n"
            "nodes:\n"
            "- {names: 'n[2-3]', slots: 4, pods: [l1], host_memory: 1TiB,\n"
            "   rails: [{names: 'eth[0-1]', speed: 400Gbps, state: up}],\n"
            "   cpu: {vendor: V, model: M}}")});
  EXPECT_THAT(merged.conflicts, IsEmpty());
  const v1::Topology& t = merged.topology;
  ASSERT_EQ(t.nodes_size(), 3);
  EXPECT_EQ(t.nodes(0).slots(), 0u);
  EXPECT_EQ(t.nodes(1).name(), "n2");
  EXPECT_EQ(t.nodes(1).slots(), 4u);
  EXPECT_THAT(t.nodes(1).pods(), ElementsAre("l1"));
  EXPECT_EQ(t.nodes(1).rails_size(), 2);
  EXPECT_EQ(t.nodes(1).rails(0).state(), v1::LINK_STATE_UP);
  EXPECT_EQ(t.nodes(1).cpu().model(), "M");
  EXPECT_EQ(t.nodes(2).name(), "n3");
  EXPECT_EQ(t.levels(0).name(), "leaf");
  // Each fact keeps its origin.
  const auto& origins = t.nodes(1).origins();
  EXPECT_EQ(t.sources(static_cast<int>(origins.Get(0).source())).name(), "a");
  bool found = false;
  for (const v1::Origin& origin : origins) {
    for (const std::string& field : origin.fields()) {
      if (field != "slots") continue;
      found = true;
      EXPECT_EQ(t.sources(static_cast<int>(origin.source())).name(), "b");
      EXPECT_EQ(origin.location(), "line 4");
    }
  }
  EXPECT_TRUE(found);
}

TEST(MergeTopologies, TheFirstWinsAndTheConflictIsTold) {
  const Merged merged = MustMerge(
      {Yaml("a",
            "nodes: [{names: n, host_memory: 1TiB, rails: [{names: eth0, "
            "speed: 400Gbps}]}]"),
       Yaml("b",
            "nodes:\n- {names: n, host_memory: 2TiB, rails: [{names: "
            "eth0, speed: 100Gbps}]}")});
  EXPECT_EQ(merged.topology.nodes(0).host_memory_bytes(), uint64_t{1} << 40);
  EXPECT_EQ(merged.topology.nodes(0).rails(0).speed_mbps(), 400'000u);
  ASSERT_THAT(merged.conflicts, SizeIs(2));
  EXPECT_EQ(merged.conflicts[1].field(), "nodes[n].rails[eth0].speed_mbps");
  EXPECT_EQ(merged.conflicts[1].taken(), "400000 (a, line 2)");
  EXPECT_EQ(merged.conflicts[1].dropped(), "100000 (b, line 3)");
}

TEST(MergeTopologies, LevelsComeWholeFromTheFirst) {
  const v1::Topology a = Yaml("a",
                              "levels: [{name: leaf}]\n"
                              "nodes: [{names: n, slots: 1, pods: [l1]}]");
  const v1::Topology same = Yaml("b",
                                 "levels: [{name: leaf, oversubscription: 2}]\n"
                                 "nodes: [{names: m, slots: 1, pods: [l2]}]");
  const v1::Topology other = Yaml("c",
                                  "levels: [{name: zone}]\n"
                                  "nodes: [{names: k, slots: 1, pods: [z1]}]");
  const Merged merged = MustMerge({a, same, other});
  ASSERT_EQ(merged.topology.levels_size(), 1);
  EXPECT_EQ(merged.topology.levels(0).oversubscription(), 2);
  EXPECT_THAT(merged.topology.nodes(1).pods(), ElementsAre("l2"));
  EXPECT_THAT(merged.topology.nodes(2).pods(), IsEmpty());
  ASSERT_THAT(merged.conflicts, SizeIs(1));
  EXPECT_EQ(merged.conflicts[0].field(), "levels");
}

TEST(MergeTopologies, DevicesMeetByAddress) {
  const Merged merged = MustMerge(
      {Yaml("a",
            "nodes: [{names: n, accelerators: [{index: 0, pci_address: "
            "'0000:02:00.0'}, {index: 1, pci_address: '0000:01:00.0'}], "
            "rails: [{names: ib0, rdma_device: mlx5_0}]}]"),
       Yaml("b",
            "nodes: [{names: n, accelerators: [{index: 0, pci_address: "
            "'0000:01:00.0', memory: 1GiB}], rails: [{names: mlx5_0, "
            "speed: 1Gbps}]}]")});
  EXPECT_THAT(merged.conflicts, IsEmpty());
  const v1::Node& node = merged.topology.nodes(0);
  ASSERT_EQ(node.accelerators_size(), 2);
  EXPECT_FALSE(node.accelerators(0).has_memory_bytes());
  EXPECT_EQ(node.accelerators(1).memory_bytes(), 1u << 30);
  ASSERT_EQ(node.rails_size(), 1);
  EXPECT_EQ(node.rails(0).speed_mbps(), 1000u);
}

TEST(MergeTopologies, WhatGoesBeyondTheBoundsIsAnError) {
  v1::Topology many;
  for (int i = 0; i < 40; ++i) many.add_sources();
  EXPECT_TRUE(MergeTopologies({many}).ok());
  EXPECT_THAT(std::string(MergeTopologies({many, many}).status().message()),
              HasSubstr("merged.sources"));
}

}  // namespace
}  // namespace ithaca::topology
