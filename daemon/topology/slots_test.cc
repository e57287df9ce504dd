#include "daemon/topology/slots.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::topology {
namespace {

using ::testing::StartsWith;

v1::Node* AddNode(v1::Topology& topology, const std::string& name,
                  uint32_t slots, int accelerators = 0) {
  v1::Node* node = topology.add_nodes();
  node->set_name(name);
  node->set_slots(slots);
  for (int i = 0; i < accelerators; ++i)
    node->add_accelerators()->set_local_index(i);
  return node;
}

void ExpectRefused(const v1::Topology& topology, const std::string& prefix) {
  const auto slots = ListSlots(topology, "topology");
  ASSERT_FALSE(slots.ok());
  EXPECT_EQ(slots.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(slots.status().message()), StartsWith(prefix));
}

TEST(ListSlots, NodesInOrderAcceleratorsUnlessSlotsAreGiven) {
  v1::Topology topology;
  AddNode(topology, "b", 0, 2);
  AddNode(topology, "a", 1, 8);
  AddNode(topology, "cpu", 2);
  const auto slots = ListSlots(topology, "topology");
  ASSERT_TRUE(slots.ok()) << slots.status();
  const std::vector<std::pair<std::string, uint32_t>> want = {
      {"b", 0}, {"b", 1}, {"a", 0}, {"cpu", 0}, {"cpu", 1}};
  ASSERT_EQ(slots->size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ((*slots)[i].node, want[i].first) << i;
    EXPECT_EQ((*slots)[i].local_index, want[i].second) << i;
  }
}

TEST(ListSlots, EmptyTopologyHasNoSlots) {
  const auto slots = ListSlots({}, "topology");
  ASSERT_TRUE(slots.ok());
  EXPECT_TRUE(slots->empty());
}

TEST(ListSlots, RefusesWhatItCannotPlaceOn) {
  v1::Topology topology;
  AddNode(topology, "a", 1);
  AddNode(topology, "", 1);
  ExpectRefused(topology, "topology.nodes[1].name: missing");
  topology.mutable_nodes(1)->set_name("a");
  ExpectRefused(topology, "topology.nodes[1].name: two nodes");
  topology.mutable_nodes(1)->set_name("x\ny");
  ExpectRefused(topology, "topology.nodes[1].name: a node name");
  topology.mutable_nodes(1)->set_name(std::string(254, 'x'));
  ExpectRefused(topology, "topology.nodes[1].name: a node name");
  topology.mutable_nodes(1)->set_name("b");
  topology.mutable_nodes(1)->set_slots(0);
  ExpectRefused(topology, "topology.nodes[1].slots: node");
  topology.mutable_nodes(1)->set_slots(0xffffffffu);
  ExpectRefused(topology, "topology.nodes[1].slots: more than");
}

}  // namespace
}  // namespace ithaca::topology
