#include "daemon/topology/kubernetes.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Topology MustRead(const std::string& file, const LabelKeys& keys = {}) {
  const auto topology = ReadKubernetes(TestFile(file), "k.json", keys);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

TEST(ReadKubernetes, FindsThePresetThatFits) {
  const v1::Topology topology = MustRead("kubectl_aws.json");
  ASSERT_EQ(topology.nodes_size(), 5);
  ASSERT_EQ(topology.levels_size(), 3);
  EXPECT_EQ(topology.levels(0).name(), "network-node-layer-3");
  const v1::Node& node = topology.nodes(3);
  EXPECT_EQ(node.name(), "ip-10-0-0-3.ec2.internal");
  EXPECT_THAT(node.pods(), ElementsAre("nn-leaf3", "nn-agg1", "nn-spine"));
  EXPECT_EQ(node.host_memory_bytes(), uint64_t{2097152} << 10);
  ASSERT_EQ(node.accelerators_size(), 8);
  EXPECT_EQ(node.accelerators(7).model(), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(node.accelerators(7).memory_bytes(), uint64_t{81559} << 20);
  EXPECT_EQ(node.accelerators(7).nvlink_domain(), node.name());
  EXPECT_EQ(node.origins(0).location(), "nodes.items[3]");
  EXPECT_THAT(topology.nodes(4).pods(), ElementsAre("", "", ""));
  EXPECT_EQ(topology.nodes(4).accelerators_size(), 0);
}

TEST(ReadKubernetes, CliquesAreNvlinkDomains) {
  const v1::Topology topology = MustRead("kubectl_topograph.json");
  ASSERT_EQ(topology.levels_size(), 2);
  EXPECT_EQ(topology.levels(0).name(), "tier-0");
  EXPECT_THAT(topology.nodes(2).pods(), ElementsAre("leaf1", "spine0"));
  EXPECT_EQ(topology.nodes(2).accelerators(0).nvlink_domain(), "uuid-1.1");
}

TEST(ReadKubernetes, KeysCanBeGiven) {
  LabelKeys keys;
  keys.levels = {"topology.kubernetes.io/zone"};
  keys.nvlink_domain = {"topology.k8s.aws/network-node-layer-2"};
  const v1::Topology topology = MustRead("kubectl_aws.json", keys);
  ASSERT_EQ(topology.levels_size(), 1);
  EXPECT_EQ(topology.levels(0).name(), "zone");
  EXPECT_THAT(topology.nodes(4).pods(), ElementsAre("us-east-1a"));
  EXPECT_EQ(topology.nodes(3).accelerators(0).nvlink_domain(), "nn-agg1");
  EXPECT_EQ(GetLabelPreset("aws")->levels.size(), 4u);
  EXPECT_THAT(std::string(GetLabelPreset("azur").status().message()),
              HasSubstr("topograph-leaf"));
}

TEST(ReadKubernetes, MistakesNameTheField) {
  const auto message = [](const std::string& text) {
    const auto topology = ReadKubernetes(text, "k.json", {});
    return topology.ok() ? "OK" : std::string(topology.status().message());
  };
  EXPECT_THAT(message("["), HasSubstr("k.json: is not a JSON object"));
  EXPECT_THAT(message("[]"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(message("{\"items\":3}"), HasSubstr("items: is not a list"));
  EXPECT_THAT(message("{\"items\":[3]}"), HasSubstr("what is no node"));
  EXPECT_THAT(message("{\"items\":[{}]}"),
              HasSubstr("nodes.items[0].metadata.name: missing"));
  EXPECT_THAT(message("{\"metadata\":{\"name\":\"a\"},\"status\":{\"capacity\":"
                      "{\"nvidia.com/gpu\":\"-3\"}}}"),
              HasSubstr("status.capacity.nvidia.com/gpu: is \"-3\""));
  EXPECT_EQ(message("{\"metadata\":{\"name\":\"a\"}}"), "OK");
  EXPECT_THAT(message(absl::StrCat("{\"items\":", std::string(1000, '['))),
              HasSubstr("nests deeper"));
}

TEST(ReadKubernetes, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled(
      {TestFile("kubectl_aws.json"), TestFile("kubectl_topograph.json")},
      "k.json", 4000, [](const std::string& text) {
        return ReadKubernetes(text, "k.json", {});
      });
}

}  // namespace
}  // namespace ithaca::topology
