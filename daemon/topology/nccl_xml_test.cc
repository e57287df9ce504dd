#include "daemon/topology/nccl_xml.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/topology/facts.h"
#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kFiles[] = {"nccl_hgx_h100.xml", "nccl_pairs.xml",
                                  "nccl_bare.xml"};

v1::Topology MustRead(const std::string& text) {
  const auto topology = ReadNcclXml(text, "t.xml", "n");
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

TEST(ReadNcclXml, ABoardWithSwitches) {
  const v1::Topology topology = MustRead(TestFile(kFiles[0]));
  ASSERT_EQ(topology.nodes_size(), 1);
  const v1::Node& node = topology.nodes(0);
  EXPECT_EQ(node.name(), "n");
  EXPECT_EQ(node.cpu().vendor(), "GenuineIntel");
  EXPECT_EQ(node.cpu().model_id(), 143u);
  ASSERT_EQ(node.numa_nodes_size(), 2);
  EXPECT_EQ(node.numa_nodes(1).cpus(), "64-127");
  ASSERT_EQ(node.accelerators_size(), 8);
  const v1::Accelerator& a = node.accelerators(5);
  EXPECT_EQ(a.local_index(), 5u);
  EXPECT_EQ(a.pci_address(), "0000:67:00.0");
  EXPECT_THAT(a.pci_bridges(), ElementsAre("0000:65:00.0"));
  EXPECT_EQ(a.numa_node(), 1u);
  EXPECT_EQ(a.compute_capability(), 90u);
  EXPECT_TRUE(a.gpu_direct());
  EXPECT_EQ(a.nvlink_domain(), "n");
  EXPECT_EQ(a.nvlink_bytes_per_second(), 450'000'000'000u);
  EXPECT_EQ(a.model(), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(a.pci_link().megatransfers_per_second(), 32000u);
  ASSERT_EQ(node.rails_size(), 9);
  const v1::Rail& rail = node.rails(5);
  EXPECT_EQ(rail.name(), "mlx5_5");
  EXPECT_EQ(rail.speed_mbps(), 400'000u);
  EXPECT_THAT(rail.pci_bridges(), ElementsAre("0000:65:00.0"));
  EXPECT_EQ(rail.guid(), "0xa87cb10003e1a205");
  // A speed of -1, a port of 0 and a guid of 0 are unknown.
  EXPECT_EQ(node.rails(8).name(), "eth0");
  EXPECT_FALSE(node.rails(8).has_speed_mbps());
  EXPECT_FALSE(node.rails(8).has_port());
  EXPECT_EQ(node.rails(8).guid(), "");
  EXPECT_EQ(node.rails(8).pci_address(), "");
  EXPECT_EQ(node.pci_bridges_size(), 8);
}

TEST(ReadNcclXml, PairsOfAccelerators) {
  const v1::Node node = MustRead(TestFile(kFiles[1])).nodes(0);
  EXPECT_EQ(node.accelerators(0).nvlink_domain(), "n/0");
  EXPECT_EQ(node.accelerators(1).nvlink_domain(), "n/0");
  EXPECT_EQ(node.accelerators(3).nvlink_domain(), "n/1");
  EXPECT_EQ(node.rails(0).speed_mbps(), 100'000u);
}

TEST(ReadNcclXml, PciFunctionsWithoutMore) {
  const v1::Node node = MustRead(TestFile(kFiles[2])).nodes(0);
  ASSERT_EQ(node.accelerators_size(), 2);
  EXPECT_EQ(node.accelerators(1).local_index(), 1u);
  EXPECT_EQ(node.accelerators(1).pci_address(), "0002:00:00.0");
  EXPECT_FALSE(node.accelerators(1).has_nvlink_domain());
  EXPECT_EQ(node.accelerators(1).model(), "");
  ASSERT_EQ(node.rails_size(), 2);
  EXPECT_EQ(node.rails(0).name(), "0101:00:00.0");
}

TEST(ReadNcclXml, HostsOfOneNvlinkDomain) {
  const v1::Topology topology = MustRead(TestFile("nccl_two_hosts.xml"));
  ASSERT_EQ(topology.nodes_size(), 2);
  EXPECT_EQ(topology.nodes(1).name(), "n-1");
  for (const v1::Node& node : topology.nodes()) {
    for (const v1::Accelerator& a : node.accelerators()) {
      EXPECT_EQ(a.nvlink_domain(), "n");
      EXPECT_EQ(a.nvlink_bytes_per_second(), 900'000'000'000u);
    }
  }
  EXPECT_FALSE(WriteNcclXml(topology, "").ok());
  EXPECT_TRUE(WriteNcclXml(topology, "n-1").ok());
}

TEST(WriteNcclXml, IsReadBackEqual) {
  for (const char* file : kFiles) {
    const v1::Topology topology = MustRead(TestFile(file));
    const auto text = WriteNcclXml(topology, "");
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(FactsOf(MustRead(*text)).DebugString(),
              FactsOf(topology).DebugString())
        << *text;
  }
}

TEST(WriteNcclXml, HasWhatNcclAsksFor) {
  const std::string text = *WriteNcclXml(MustRead(TestFile(kFiles[0])), "n");
  for (const char* part :
       {"<system version=\"1\">", "numaid=\"0\"", "arch=\"x86_64\"",
        "affinity=\"ffffffff,ffffffff,00000000,00000000\"",
        "class=\"0x060400\"", "link_speed=\"32.0 GT/s PCIe\"",
        "link_width=\"16\"", "<gpu dev=\"5\" sm=\"90\" gdr=\"1\">",
        "<nvlink target=\"0000:05:00.0\" count=\"4\" tclass=\"0x068000\"/>",
        "<net name=\"mlx5_5\" dev=\"5\" speed=\"400000\" port=\"1\""}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(WriteNcclXml, RefusesWhatItCannotSay) {
  v1::Topology topology;
  v1::Node& node = *topology.add_nodes();
  node.set_name("a");
  node.add_accelerators();
  EXPECT_THAT(std::string(WriteNcclXml(topology, "").status().message()),
              HasSubstr("has no PCI address"));
  EXPECT_THAT(std::string(WriteNcclXml(topology, "b").status().message()),
              HasSubstr("no node \"b\""));
  node.mutable_accelerators(0)->set_pci_address("0000:01:00.0");
  *node.add_accelerators() = node.accelerators(0);
  EXPECT_THAT(std::string(WriteNcclXml(topology, "").status().message()),
              HasSubstr("several accelerators"));
}

TEST(ReadNcclXml, MistakesNameTheLineAndTheRemedy) {
  const auto message = [](const std::string& text) {
    const auto topology = ReadNcclXml(text, "t.xml", "n");
    return topology.ok() ? "OK" : std::string(topology.status().message());
  };
  EXPECT_THAT(message(""), HasSubstr("t.xml: is not well-formed XML"));
  EXPECT_THAT(message("<system version=\"1\">\n<cpu>"),
              HasSubstr("not well-formed"));
  EXPECT_THAT(message("<graphs/>"),
              HasSubstr("t.xml:1: the outermost element"));
  EXPECT_THAT(message("<system version=\"2\"/>"), HasSubstr("version=\"1\""));
  EXPECT_THAT(message("<system version=\"1\"/>"), HasSubstr("no <cpu>"));
  EXPECT_THAT(message("<system version=\"1\"><cpu>\n<pci class=\"0x03\"/>"
                      "</cpu></system>"),
              HasSubstr("t.xml:2: <pci> has no busid"));
  EXPECT_THAT(message("<!DOCTYPE system [<!ENTITY a \"b\">]>\n"
                      "<system version=\"1\"><cpu/></system>"),
              HasSubstr("declares a document type"));
  std::string deep = "<system version=\"1\"><cpu>";
  for (int i = 0; i < 70; ++i) absl::StrAppend(&deep, "<pci busid=\"1\">");
  for (int i = 0; i < 70; ++i) absl::StrAppend(&deep, "</pci>");
  EXPECT_THAT(message(deep + "</cpu></system>"), HasSubstr("nests deeper"));
  EXPECT_THAT(message(std::string(9 << 20, ' ')), HasSubstr("bytes, at most"));
}

TEST(ReadNcclXml, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled(
      {TestFile(kFiles[0]), TestFile(kFiles[1]), TestFile(kFiles[2]),
       TestFile("nccl_two_hosts.xml")},
      "t.xml", 6000,
      [](const std::string& text) { return ReadNcclXml(text, "t.xml", "n"); });
}

}  // namespace
}  // namespace ithaca::topology
