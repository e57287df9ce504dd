#include "daemon/planner/search/placing.h"

#include <map>
#include <random>
#include <set>
#include <string>

#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using topology::Slot;

topology::v1::Topology Nodes(int nodes, uint32_t slots, int per_pod = 0) {
  topology::v1::Topology topology;
  if (per_pod > 0) topology.add_levels()->set_name("leaf");
  for (int i = 0; i < nodes; ++i) {
    auto& node = *topology.add_nodes();
    node.set_name("n" + std::to_string(i));
    node.set_slots(slots);
    if (per_pod > 0) node.add_pods("p" + std::to_string(i / per_pod));
  }
  return topology;
}

Strategy Mesh(uint32_t data, uint32_t ring, uint32_t ulysses,
              uint32_t tensor = 1) {
  Strategy s;
  s.data_parallel = data;
  s.ring = ring;
  s.ulysses = ulysses;
  s.tensor = tensor;
  return s;
}

TEST(PlaceRanks, FillsNodesInOrder) {
  const auto slots = PlaceRanks(Nodes(2, 4), Mesh(2, 1, 4));
  ASSERT_EQ(slots.size(), 8u);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(slots[i].node, "n" + std::to_string(i / 4));
    EXPECT_EQ(slots[i].local_index, i % 4);
  }
}

// Nodes of six and groups of four: two slots of each stay idle rather than a
// group be split.
TEST(PlaceRanks, KeepsAGroupOnANodeWhereItFits) {
  const auto topology = Nodes(3, 6);
  const auto slots = PlaceRanks(topology, Mesh(3, 1, 4));
  for (uint32_t g = 0; g < 3; ++g) {
    for (uint32_t i = 0; i < 4; ++i) {
      EXPECT_EQ(slots[g * 4 + i].node, "n" + std::to_string(g));
    }
  }
  const Placement at = PlacementAt(topology, Mesh(3, 1, 4), slots);
  EXPECT_EQ(at.Of(Group::kUlysses).peers[1], 3u);
  EXPECT_EQ(at.Of(Group::kUlysses).peers[2], 0u);
  EXPECT_EQ(at.Of(Group::kData).Peers(), 11u);
}

// A group of eight on nodes of four takes two nodes of one pod; the odd node of
// the first pod is left for what comes last.
TEST(PlaceRanks, KeepsAGroupInAPod) {
  const auto topology = Nodes(6, 4, 3);
  const auto slots = PlaceRanks(topology, Mesh(2, 1, 8));
  EXPECT_EQ(slots[7].node, "n1");
  EXPECT_EQ(slots[8].node, "n3");
  EXPECT_EQ(
      PlacementAt(topology, Mesh(2, 1, 8), slots).Of(Group::kUlysses).peers[3],
      0u);
}

TEST(PlaceRanks, KnowsNvlinkDomainsWithinAndAcrossNodes) {
  topology::v1::Topology topology = Nodes(4, 0);
  for (int i = 0; i < 4; ++i) {
    for (uint32_t k = 0; k < 4; ++k) {
      auto& gpu = *topology.mutable_nodes(i)->add_accelerators();
      gpu.set_local_index(k);
      // Nodes 0 and 1 are one domain; the others have two each.
      gpu.set_nvlink_domain(
          i < 2 ? "wide" : "d" + std::to_string(i) + std::to_string(k / 2));
    }
  }
  const auto slots = PlaceRanks(topology, Mesh(2, 1, 8));
  EXPECT_EQ(slots[7].node, "n1");
  const Placement at = PlacementAt(topology, Mesh(2, 1, 8), slots);
  EXPECT_EQ(at.Of(Group::kUlysses).peers[0], 1u);  // of the worse group
  EXPECT_EQ(at.Of(Group::kUlysses).peers[1], 2u);
  EXPECT_EQ(at.Of(Group::kUlysses).peers[2], 4u);
}

TEST(PlaceRanks, GivesEachRankASlotOfItsOwn) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    auto topology = Nodes(1 + static_cast<int>(random() % 12), 1,
                          static_cast<int>(random() % 4));
    uint32_t all = 0;
    for (auto& node : *topology.mutable_nodes()) {
      node.set_slots(1 + random() % 9);
      all += node.slots();
    }
    Strategy s = Mesh(1, 1 + random() % 3, 1 + random() % 4, 1 + random() % 2);
    const uint32_t group = s.ring * s.ulysses * s.tensor;
    if (group > all) continue;
    s.data_parallel = all / group;
    if (random() % 2 == 0) s.hybrid_order = HybridOrder::kRingInside;
    const std::vector<Slot> slots = PlaceRanks(topology, s);
    ASSERT_EQ(slots.size(), size_t{s.data_parallel} * group);
    std::set<std::pair<std::string, uint32_t>> seen;
    for (const Slot& slot : slots) seen.insert({slot.node, slot.local_index});
    ASSERT_EQ(seen.size(), slots.size());
    const Placement at = PlacementAt(topology, s, slots);
    ASSERT_EQ(at.Of(Group::kUlysses).Peers(), s.ulysses - 1);
    ASSERT_EQ(at.Of(Group::kRing).Peers(), s.ring - 1);
    ASSERT_EQ(at.Of(Group::kTensor).Peers(), s.tensor - 1);
  }
}

}  // namespace
}  // namespace ithaca::planner
