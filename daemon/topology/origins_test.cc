#include "daemon/topology/origins.h"

#include <gtest/gtest.h>

namespace ithaca::topology {
namespace {

v1::Topology Sample() {
  v1::Topology topology;
  topology.add_sources()->set_name("a.yaml");
  topology.add_sources()->set_kind(v1::SOURCE_KIND_COMMAND_LINE);
  v1::Node& node = *topology.add_nodes();
  node.add_origins()->set_source(1);
  SetOrigin("slots", 0, "line 3", *node.mutable_origins());
  return topology;
}

TEST(OriginOfField, TheNearestEntryHolds) {
  const v1::Topology topology = Sample();
  const v1::Node& node = topology.nodes(0);
  const auto text = [&](const char* field) {
    return OriginText(topology, OriginOfField(node.origins(), field, nullptr));
  };
  EXPECT_EQ(text("slots"), "a.yaml, line 3");
  EXPECT_EQ(text("name"), "command line");
  EXPECT_EQ(OriginOfField({}, "name", &node.origins(0)), &node.origins(0));
  EXPECT_EQ(OriginText(topology, nullptr), "unknown");
}

TEST(SetOrigin, ReplacesWhatWasSaidBefore) {
  v1::Topology topology = Sample();
  Origins& origins = *topology.mutable_nodes(0)->mutable_origins();
  SetOrigin("slots", 0, "line 9", origins);
  SetOrigin("name", 0, "line 9", origins);
  ASSERT_EQ(origins.size(), 2);
  EXPECT_EQ(origins.Get(0).fields_size(), 0);
  EXPECT_EQ(origins.Get(1).fields_size(), 2);
  EXPECT_EQ(OriginOfField(origins, "slots", nullptr)->location(), "line 9");
}

}  // namespace
}  // namespace ithaca::topology
