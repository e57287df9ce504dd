#include "daemon/topology/cluster_yaml_writer.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/topology/cluster_yaml.h"
#include "daemon/topology/facts.h"
#include "daemon/topology/mutate_for_test.h"
#include "daemon/topology/read_topology.h"
#include "daemon/topology/uniform.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

void ExpectRoundTrip(const v1::Topology& topology) {
  const std::string text = WriteClusterYaml(topology);
  const auto read = ReadClusterYaml(text, "w.yaml");
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << text.substr(0, 4000);
  EXPECT_EQ(FactsOf(*read).SerializeAsString(),
            FactsOf(topology).SerializeAsString())
      << text.substr(0, 4000);
}

TEST(WriteClusterYaml, EveryFixtureIsReadBackEqual) {
  for (const char* file :
       {"nccl_hgx_h100.xml", "nccl_pairs.xml", "nccl_bare.xml",
        "nccl_two_hosts.xml", "hwloc_a100.xml", "hwloc_virtual.xml",
        "slurm_tree.conf", "slurm_block.conf", "slurm_topology.yaml",
        "kubectl_aws.json", "kubectl_topograph.json"}) {
    SCOPED_TRACE(file);
    ReadOptions options;
    options.path = file;
    const auto topology = ReadTopology(TestFile(file), options);
    ASSERT_TRUE(topology.ok()) << topology.status();
    ExpectRoundTrip(*topology);
  }
}

TEST(WriteClusterYaml, EqualNodesAreDescribedOnce) {
  UniformCluster asked{2000, 8, "h100"};
  asked.rails_per_node = 8;
  asked.rail_mbps = 400'000;
  asked.nodes_per_leaf = 32;
  asked.oversubscription = 1.0 / 3;
  const v1::Topology topology = *MakeUniformTopology(asked);
  ExpectRoundTrip(topology);
  const std::string text = WriteClusterYaml(topology);
  EXPECT_LT(text.size(), 8000u);
  EXPECT_THAT(text, HasSubstr("names: \"node[0-31]\""));
}

TEST(WriteClusterYaml, FactsOfEveryKindAreKept) {
  v1::Topology topology;
  topology.add_levels()->set_name("leaf");
  topology.add_levels()->set_name("spine");
  topology.mutable_levels(1)->set_uplink_mbps(123457);
  for (int n = 0; n < 3; ++n) {
    v1::Node& node = *topology.add_nodes();
    node.set_name(absl::StrCat("n", n));
    node.add_pods("");
    if (n == 1) node.add_pods("~");
    node.set_slots(3);
    node.mutable_cpu();
    v1::Accelerator& a = *node.add_accelerators();
    a.set_local_index(4);
    a.set_model("true");
    a.set_memory_bytes((uint64_t{1} << 61) + 1);
    a.set_nvlink_domain(n == 0 ? "" : n == 1 ? "n1/x" : "n1");
    a.mutable_pci_link();
    a.set_gpu_direct(false);
    v1::Accelerator& b = *node.add_accelerators();
    b.set_local_index(2);
    b.set_nvlink_domain("null");
    v1::Rail& rail = *node.add_rails();
    rail.set_name("#r");
    rail.set_port(0);
    rail.set_guid(": - x");
    rail.set_state(v1::LINK_STATE_DOWN);
    node.add_numa_nodes()->add_distances()->set_numa_node(7);
  }
  ExpectRoundTrip(topology);
}

}  // namespace
}  // namespace ithaca::topology
