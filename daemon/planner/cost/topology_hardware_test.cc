#include "daemon/planner/cost/topology_hardware.h"

#include <gtest/gtest.h>

#include "daemon/topology/uniform.h"

namespace ithaca::planner {
namespace {

const std::optional<LinkRate>& Link(const Hardware& hardware, LinkClass link) {
  return hardware.links[static_cast<size_t>(link)];
}

topology::v1::Topology Cluster() {
  topology::UniformCluster asked;
  asked.nodes = 4;
  asked.accelerators_per_node = 8;
  asked.accelerator = "h100-80g";
  asked.rails_per_node = 8;
  asked.rail_mbps = 400'000;
  asked.nodes_per_leaf = 2;
  asked.oversubscription = 2;
  asked.host_memory_bytes = uint64_t{2} << 40;
  return *topology::MakeUniformTopology(asked);
}

TEST(HardwareOf, AUniformCluster) {
  const Hardware h = HardwareOf(Cluster());
  EXPECT_EQ(h.peak_flops, 989.4e12);
  EXPECT_EQ(h.memory_bytes, uint64_t{80} << 30);
  EXPECT_EQ(h.memory_bytes_per_second, 3.35e12);
  EXPECT_EQ(h.host_memory_bytes, uint64_t{2} << 40);
  EXPECT_EQ(h.accelerators_per_node, 8u);
  EXPECT_EQ(h.accelerators_per_nvlink_domain, 8u);
  EXPECT_EQ(Link(h, LinkClass::kNvlink)->bytes_per_second, 450e9);
  EXPECT_NEAR(Link(h, LinkClass::kNode)->bytes_per_second, 63.015e9, 1e6);
  EXPECT_EQ(h.host_link_bytes_per_second,
            Link(h, LinkClass::kNode)->bytes_per_second);
  EXPECT_EQ(Link(h, LinkClass::kLeaf)->bytes_per_second, 50e9);
  EXPECT_EQ(Link(h, LinkClass::kUplink)->bytes_per_second, 25e9);
}

TEST(HardwareOf, WhatOneNodeDoesNotTellIsAbsent) {
  topology::v1::Topology t = Cluster();
  t.mutable_nodes(1)->clear_host_memory_bytes();
  t.mutable_nodes(2)->mutable_rails(3)->clear_speed_mbps();
  t.mutable_nodes(3)->mutable_accelerators(1)->clear_peak_flops();
  t.mutable_nodes(3)->mutable_accelerators(2)->clear_nvlink_domain();
  const Hardware h = HardwareOf(t);
  EXPECT_FALSE(h.host_memory_bytes.has_value());
  EXPECT_FALSE(h.peak_flops.has_value());
  EXPECT_EQ(h.accelerators_per_nvlink_domain, 1u);
  EXPECT_FALSE(Link(h, LinkClass::kNvlink).has_value());
  EXPECT_FALSE(Link(h, LinkClass::kLeaf).has_value());
  EXPECT_FALSE(Link(h, LinkClass::kUplink).has_value());
}

TEST(HardwareOf, TheSlowestNodeCounts) {
  topology::v1::Topology t = Cluster();
  t.mutable_nodes(1)->mutable_accelerators(0)->set_memory_bytes(1000);
  t.mutable_nodes(2)->mutable_rails(0)->set_state(
      topology::v1::LINK_STATE_DOWN);
  const Hardware h = HardwareOf(t);
  EXPECT_EQ(h.memory_bytes, 1000u);
  EXPECT_EQ(Link(h, LinkClass::kLeaf)->bytes_per_second, 50e9 * 7 / 8);
}

TEST(HardwareOf, AnUplinkMayBeToldAsARate) {
  topology::v1::Topology t = Cluster();
  t.mutable_levels(0)->clear_oversubscription();
  EXPECT_FALSE(Link(HardwareOf(t), LinkClass::kUplink).has_value());
  t.mutable_levels(0)->set_uplink_mbps(1'280'000);  // 160 GB/s for 16 ranks
  EXPECT_EQ(Link(HardwareOf(t), LinkClass::kUplink)->bytes_per_second, 10e9);
  t.mutable_levels(0)->set_uplink_mbps(1'000'000'000);
  EXPECT_EQ(Link(HardwareOf(t), LinkClass::kUplink)->bytes_per_second, 50e9);
}

TEST(HardwareOf, WithoutLevelsTheUplinkIsUnknown) {
  topology::v1::Topology t = Cluster();
  t.clear_levels();
  for (auto& node : *t.mutable_nodes()) node.clear_pods();
  EXPECT_FALSE(Link(HardwareOf(t), LinkClass::kUplink).has_value());
  EXPECT_EQ(HardwareOf({}).accelerators_per_node, 1u);
  EXPECT_FALSE(HardwareOf({}).peak_flops.has_value());
}

}  // namespace
}  // namespace ithaca::planner
