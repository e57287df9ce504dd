#include "daemon/topology/hwloc_xml.h"

#include <gmock/gmock.h>

#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Topology MustRead(const std::string& file, const std::string& name = "") {
  const auto topology = ReadHwlocXml(TestFile(file), "h.xml", name);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

TEST(ReadHwlocXml, ANodeWithAccelerators) {
  const v1::Node node = MustRead("hwloc_a100.xml").nodes(0);
  EXPECT_EQ(node.name(), "dgx01");
  EXPECT_EQ(node.cpu().packages(), 2u);
  EXPECT_EQ(node.cpu().architecture(), "x86_64");
  EXPECT_EQ(node.cpu().family_id(), 23u);
  EXPECT_EQ(node.host_memory_bytes(), 2 * 540948000768u);
  ASSERT_EQ(node.numa_nodes_size(), 2);
  EXPECT_EQ(node.numa_nodes(1).cpus(), "16-31");
  EXPECT_EQ(node.numa_nodes(1).distances(0).relative_latency(), 32u);
  // The console at c1:00.0 is none.
  ASSERT_EQ(node.accelerators_size(), 4);
  const v1::Accelerator& a = node.accelerators(2);
  EXPECT_EQ(a.pci_address(), "0000:4f:00.0");
  EXPECT_EQ(a.numa_node(), 1u);
  EXPECT_THAT(a.pci_bridges(), ElementsAre("0000:4a:00.0", "0000:48:01.1"));
  EXPECT_EQ(a.model(), "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(a.uuid(), "GPU-00000002");
  EXPECT_EQ(a.memory_bytes(), uint64_t{80} << 30);
  ASSERT_EQ(node.rails_size(), 4);
  EXPECT_EQ(node.rails(0).name(), "ibp12s0");
  EXPECT_EQ(node.rails(0).rdma_device(), "mlx5_0");
  EXPECT_EQ(node.rails(0).numa_node(), 0u);
  EXPECT_THAT(node.rails(0).pci_bridges(),
              ElementsAre("0000:0a:00.0", "0000:08:01.1"));
  EXPECT_FALSE(node.rails(0).has_speed_mbps());
}

TEST(ReadHwlocXml, AVirtualMachine) {
  const v1::Node node = MustRead("hwloc_virtual.xml", "named").nodes(0);
  EXPECT_EQ(node.name(), "named");
  EXPECT_EQ(node.accelerators_size(), 0);
  ASSERT_EQ(node.rails_size(), 1);
  EXPECT_EQ(node.rails(0).pci_address(), "0000:00:03.0");
  EXPECT_EQ(node.rails(0).numa_node(), 0u);  // the only one there is
}

TEST(ReadHwlocXml, OtherVersionsAreRefusedWithTheRemedy) {
  for (const char* text : {"<topology version=\"3.0\"/>", "<topology/>"}) {
    EXPECT_THAT(std::string(ReadHwlocXml(text, "h.xml", "").status().message()),
                HasSubstr("h.xml:1: is not of hwloc 2"));
  }
}

TEST(ReadHwlocXml, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled(
      {TestFile("hwloc_a100.xml"), TestFile("hwloc_virtual.xml")}, "h.xml",
      4000,
      [](const std::string& text) { return ReadHwlocXml(text, "h.xml", ""); });
}

}  // namespace
}  // namespace ithaca::topology
