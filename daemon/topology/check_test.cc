#include "daemon/topology/check.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "daemon/topology/uniform.h"

namespace ithaca::topology {
namespace {

using ::testing::StartsWith;

v1::Topology Good() {
  UniformCluster asked{2, 2, "h100"};
  asked.rails_per_node = 2;
  asked.nodes_per_leaf = 1;
  return *MakeUniformTopology(asked);
}

TEST(CheckTopology, TakesAnEmptyAndAGoodOne) {
  EXPECT_TRUE(CheckTopology({}, "t").ok());
  EXPECT_TRUE(CheckTopology(Good(), "t").ok());
}

TEST(CheckTopology, NamesTheFieldAtFault) {
  const struct {
    const char* field;
    std::function<void(v1::Topology&)> spoil;
  } cases[] = {
      {"t.nodes[1].name", [](auto& t) { t.mutable_nodes(1)->set_name("a b"); }},
      {"t.nodes[1].name",
       [](auto& t) { t.mutable_nodes(1)->set_name("a[1]"); }},
      {"t.nodes[1].name",
       [](auto& t) { t.mutable_nodes(1)->set_name("node0"); }},
      {"t.nodes[0].host_memory_bytes",
       [](auto& t) { t.mutable_nodes(0)->set_host_memory_bytes(0); }},
      {"t.nodes[0].pods", [](auto& t) { t.mutable_nodes(0)->add_pods("x"); }},
      {"t.nodes[0].accelerators[1].local_index",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_accelerators(1)->set_local_index(0);
       }},
      {"t.nodes[0].accelerators[0].peak_flops",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_accelerators(0)->set_peak_flops(
             UINT64_MAX);
       }},
      {"t.nodes[0].accelerators[0].nvlink_domain",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_accelerators(0)->set_nvlink_domain("none");
       }},
      {"t.nodes[0].accelerators[0].model",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_accelerators(0)->set_model("a\nb");
       }},
      {"t.nodes[0].accelerators[0].origins",
       [](auto& t) {
         t.mutable_nodes(0)
             ->mutable_accelerators(0)
             ->mutable_origins(0)
             ->set_source(9);
       }},
      {"t.nodes[0].rails[1].name",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_rails(1)->set_name("rail0");
       }},
      {"t.nodes[0].rails[0].pci_link.lanes",
       [](auto& t) {
         t.mutable_nodes(0)->mutable_rails(0)->mutable_pci_link()->set_lanes(0);
       }},
      {"t.levels[0].oversubscription",
       [](auto& t) {
         t.mutable_levels(0)->set_oversubscription(
             std::numeric_limits<double>::quiet_NaN());
       }},
      {"t.levels[0].oversubscription",
       [](auto& t) { t.mutable_levels(0)->set_oversubscription(-1); }},
      {"t.levels",
       [](auto& t) {
         for (int i = 0; i < 9; ++i) t.add_levels()->set_name("l");
       }},
  };
  for (const auto& each : cases) {
    v1::Topology topology = Good();
    each.spoil(topology);
    const absl::Status status = CheckTopology(topology, "t");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                StartsWith(std::string(each.field)));
  }
}

}  // namespace
}  // namespace ithaca::topology
