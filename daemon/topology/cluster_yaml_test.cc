#include "daemon/topology/cluster_yaml.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/mutate_for_test.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kCompact[] = R"(ithaca_topology: 1
levels:
  - {name: leaf, oversubscription: 1.5, uplink: 6400Gbps}
  - {name: spine}
nodes:
  - names: "gpu-[0001-2000]"
    pods:
      - {names: "leaf-[01-63]", each: 32}
      - spine
    host_memory: 2TiB
    accelerators: [{count: 8, type: h100-80g}]
    rails: [{names: "ib[0-7]", speed: 400Gbps}]
)";

constexpr char kDetailed[] = R"(ithaca_topology: 1
node_types:
  tray:
    host_memory: 960GiB
    cpu: {architecture: arm64, vendor: ARM, model: Grace, packages: 2}
    numa_nodes:
      - {index: 0, memory: 480GiB, cpus: "0-71", distances: {0: 10, 1: 40}}
      - {index: 1, memory: 480GiB, cpus: "72-143"}
    accelerators:
      - {count: 2, type: gb200, numa_node: 0}
      - {type: gb200, numa_node: 1, pci_address: "0018:01:00.0",
         pci_bridges: ["0018:00:00.0"], pcie: {generation: 5, lanes: 16},
         gpu_direct: true, uuid: GPU-1, memory: 180GiB,
         nvlinks: [{target: "0019:02:00.0", links: 18, class: "0x068000"}]}
    rails:
      - {names: mlx5_0, speed: 400Gbps, state: up, numa_node: 0, port: 1,
         guid: "0x1", gpu_direct: true, pcie: {megatransfers: 32000, lanes: 16}}
      - {names: mlx5_1, speed: 400Gbps, state: down}
nodes:
  - {names: "t[01-36]", type: tray, nvlink_domain: {names: "nvl[1-2]", each: 18}}
  - {names: login, slots: 2}
  - names: pair
    accelerators:
      - {model: Strange GPU, nvlink: "{node}/a", nvlink_rate: 100GB/s}
      - {nvlink: none, index: 7}
)";

v1::Topology MustRead(const std::string& text) {
  auto topology = ReadClusterYaml(text, "c.yaml");
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

TEST(ReadClusterYaml, TwoThousandEqualNodesAreTwelveLines) {
  const v1::Topology topology = MustRead(kCompact);
  ASSERT_EQ(topology.nodes_size(), 2000);
  const v1::Node& last = topology.nodes(1999);
  EXPECT_EQ(last.name(), "gpu-2000");
  EXPECT_THAT(last.pods(), ElementsAre("leaf-63", "spine"));
  EXPECT_EQ(topology.nodes(31).pods(0), "leaf-01");
  EXPECT_EQ(topology.nodes(32).pods(0), "leaf-02");
  ASSERT_EQ(last.accelerators_size(), 8);
  EXPECT_EQ(last.accelerators(7).local_index(), 7u);
  EXPECT_EQ(last.accelerators(7).nvlink_domain(), "gpu-2000");
  EXPECT_EQ(last.accelerators(7).memory_bytes(), uint64_t{80} << 30);
  ASSERT_EQ(last.rails_size(), 8);
  EXPECT_EQ(last.rails(7).name(), "ib7");
  EXPECT_EQ(last.rails(7).speed_mbps(), 400000u);
  EXPECT_EQ(last.host_memory_bytes(), uint64_t{2} << 40);
  EXPECT_EQ(topology.levels(0).oversubscription(), 1.5);
  EXPECT_FALSE(topology.levels(1).has_uplink_mbps());
}

TEST(ReadClusterYaml, ReadsEveryFact) {
  const v1::Topology topology = MustRead(kDetailed);
  ASSERT_EQ(topology.nodes_size(), 38);
  const v1::Node& tray = topology.nodes(20);
  EXPECT_EQ(tray.cpu().packages(), 2u);
  EXPECT_EQ(tray.numa_nodes(0).distances(1).relative_latency(), 40u);
  EXPECT_EQ(tray.numa_nodes(1).cpus(), "72-143");
  const v1::Accelerator& a = tray.accelerators(2);
  EXPECT_EQ(a.local_index(), 2u);
  EXPECT_EQ(a.nvlink_domain(), "nvl2");
  EXPECT_EQ(a.memory_bytes(), uint64_t{180} << 30);  // wins over the type's
  EXPECT_EQ(a.peak_flops(), 2500000000000000u);
  EXPECT_EQ(a.pci_link().megatransfers_per_second(), 32000u);
  EXPECT_THAT(a.pci_bridges(), ElementsAre("0018:00:00.0"));
  EXPECT_EQ(a.nvlinks(0).links(), 18u);
  EXPECT_TRUE(a.gpu_direct());
  EXPECT_EQ(tray.rails(1).state(), v1::LINK_STATE_DOWN);
  EXPECT_EQ(topology.nodes(36).slots(), 2u);
  const v1::Node& pair = topology.nodes(37);
  EXPECT_EQ(pair.accelerators(0).nvlink_domain(), "pair/a");
  EXPECT_FALSE(pair.accelerators(0).has_memory_bytes());
  EXPECT_EQ(pair.accelerators(1).nvlink_domain(), "");
  EXPECT_TRUE(pair.accelerators(1).has_nvlink_domain());
  EXPECT_EQ(pair.accelerators(1).local_index(), 7u);
}

TEST(ReadClusterYaml, SaysWhereEachFactIsFrom) {
  const v1::Topology topology = MustRead(kCompact);
  EXPECT_EQ(topology.sources(0).name(), "c.yaml");
  EXPECT_EQ(topology.sources(0).kind(), v1::SOURCE_KIND_CLUSTER_YAML);
  EXPECT_EQ(topology.nodes(5).origins(0).location(), "line 6");
  const v1::Accelerator& a = topology.nodes(5).accelerators(0);
  ASSERT_EQ(a.origins_size(), 2);
  EXPECT_EQ(topology.sources(static_cast<int>(a.origins(0).source())).kind(),
            v1::SOURCE_KIND_ACCELERATOR_TABLE);
  EXPECT_EQ(a.origins(1).location(), "line 11");
}

TEST(ReadClusterYaml, ARackDomainThatIsNotToldIsUnknown) {
  const v1::Topology topology = MustRead(
      "ithaca_topology: 1\n"
      "nodes: [{names: n, accelerators: [{count: 4, type: gb200}]}]\n");
  EXPECT_FALSE(topology.nodes(0).accelerators(0).has_nvlink_domain());
}

TEST(ReadClusterYaml, MistakesNameTheLineAndTheRemedy) {
  const auto message = [](const std::string& nodes) {
    const auto topology =
        ReadClusterYaml(absl::StrCat("ithaca_topology: 1\n", nodes), "c.yaml");
    return topology.ok() ? "OK" : std::string(topology.status().message());
  };
  EXPECT_THAT(message(""), StartsWith("c.yaml:1: nodes: missing"));
  EXPECT_THAT(message("nodez: []"), StartsWith("c.yaml:2: nodez is not known"));
  EXPECT_THAT(message("nodes: [{slots: 1}]"), HasSubstr("names: missing"));
  EXPECT_THAT(message("nodes:\n- {names: 'a[1-99999999]', slots: 1}"),
              StartsWith("c.yaml:3: nodes[0].names:"));
  EXPECT_THAT(message("nodes:\n- {names: a, slots: 1}\n- {names: a, slots: 1}"),
              HasSubstr("two nodes are called \"a\""));
  EXPECT_THAT(message("nodes: [{names: a, slots: 1, pods: [x]}]"),
              HasSubstr("names 1 pods, there are 0 levels"));
  EXPECT_THAT(message("nodes: [{names: a, type: t}]"), HasSubstr("node_types"));
  EXPECT_THAT(
      message("nodes: [{names: a, accelerators: [{type: h101}]}]"),
      HasSubstr("nodes[0].accelerators.type: \"h101\" is not an accelerator"));
  EXPECT_THAT(message("levels: [{name: leaf, oversubscription: .nan}]\n"
                      "nodes: [{names: a, slots: 1}]"),
              HasSubstr("oversubscription"));
  EXPECT_THAT(message("levels: [{name: leaf}]\n"
                      "nodes: [{names: 'a[1-5]', slots: 1, pods: [{names: "
                      "'l[1-2]', each: 2}]}]"),
              HasSubstr("makes 2 names; 5 nodes, 2 each, take 3"));
  EXPECT_THAT(
      message("nodes: [{names: a, slots: 1, rails: [{names: x, speed: -1}]}]"),
      HasSubstr("rails.speed: \"-1\""));
  EXPECT_THAT(message("nodes: &a\n- {names: a, slots: 1}\nlevels: *a"),
              HasSubstr("c.yaml:4: aliases"));
  EXPECT_THAT(message("nodes: []\nnodes: []"), HasSubstr("there twice"));
  EXPECT_THAT(message(std::string(100, '[')), HasSubstr("nests deeper"));
  EXPECT_THAT(message("nodes: [\x01]"), StartsWith("c.yaml"));
  EXPECT_THAT(message(std::string(5 << 20, ' ')), HasSubstr("bytes, at most"));
}

TEST(ReadClusterYaml, SmallTextCannotMakeAHugeTopology) {
  std::string numa;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&numa, "{index: ", i, "},");
  const auto topology = ReadClusterYaml(
      absl::StrCat(
          "ithaca_topology: 1\nnodes: [{names: 'a[1-65536]', slots: 1, "
          "numa_nodes: [",
          numa, "]}]"),
      "c.yaml");
  EXPECT_THAT(std::string(topology.status().message()),
              HasSubstr("too large a topology"));
}

TEST(ReadClusterYaml, MutatedFilesAreReadOrRefused) {
  std::string small = kCompact;
  small.replace(small.find("2000"), 4, "0040");
  small.replace(small.find("63"), 2, "02");
  ExpectMutationsAreHandled(
      {small, kDetailed}, "c.yaml", 3000,
      [](const std::string& text) { return ReadClusterYaml(text, "c.yaml"); });
}

}  // namespace
}  // namespace ithaca::topology
