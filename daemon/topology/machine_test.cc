#include "daemon/topology/machine.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "daemon/topology/mutate_for_test.h"
#include "daemon/topology/origins.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kFake[] = "./daemon/topology/libfake_nvml.so";

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("FAKE_NVML");
    options_.hwloc_xml = TestFile("hwloc_a100.xml");
    options_.node_name = "n";
    options_.sysfs = "/no/such/folder";
    options_.nvml_library = kFake;
  }
  void TearDown() override { unsetenv("FAKE_NVML"); }
  Machine Discover() {
    auto machine = DiscoverMachine(options_);
    EXPECT_TRUE(machine.ok()) << machine.status();
    return machine.ok() ? *std::move(machine) : Machine();
  }
  MachineOptions options_;
};

TEST_F(MachineTest, NvmlAndHwlocMeetAtThePciAddress) {
  const Machine machine = Discover();
  const v1::Node& node = machine.topology.nodes(0);
  EXPECT_EQ(machine.topology.sources(0).kind(), v1::SOURCE_KIND_MACHINE);
  // NVML knows three; hwloc has the first two of them and three more.
  ASSERT_EQ(node.accelerators_size(), 5);
  const v1::Accelerator& a = node.accelerators(0);
  EXPECT_EQ(a.pci_address(), "0000:5f:00.0");
  EXPECT_THAT(a.pci_bridges(), ElementsAre("0000:5a:00.0", "0000:58:01.1"));
  EXPECT_EQ(a.numa_node(), 1u);
  EXPECT_EQ(a.model(), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(a.memory_bytes(), uint64_t{81559} << 20);
  EXPECT_EQ(a.compute_capability(), 90u);
  EXPECT_EQ(a.uuid(), "GPU-0");
  EXPECT_EQ(a.pci_link().megatransfers_per_second(), 32000u);
  EXPECT_EQ(a.nvlinks_size(), 4);
  EXPECT_EQ(a.nvlink_domain(), "n");
  EXPECT_EQ(a.nvlink_bytes_per_second(), 450'000'000'000u);
  const auto origin = [&](const char* field) {
    return OriginText(machine.topology,
                      OriginOfField(a.origins(), field, nullptr));
  };
  EXPECT_EQ(origin("memory_bytes"), "n, NVML");
  EXPECT_EQ(origin("nvlink_bytes_per_second"), "n, NVML");
  EXPECT_EQ(origin("pci_bridges"), "n, hwloc");
  EXPECT_THAT(origin("peak_flops"), HasSubstr("accelerators.yaml"));
  EXPECT_EQ(node.accelerators(1).nvlink_domain(), "n");
  EXPECT_EQ(node.accelerators(2).nvlink_domain(), "");
  EXPECT_FALSE(node.accelerators(2).has_nvlink_bytes_per_second());
}

TEST_F(MachineTest, AFabricThatIsJoinedIsTheDomain) {
  setenv("FAKE_NVML", "fabric", 1);
  const Machine machine = Discover();
  EXPECT_EQ(machine.topology.nodes(0).accelerators(0).nvlink_domain(),
            "ab000000-0000-0000-0000-000000000000.7");
  EXPECT_EQ(machine.topology.nodes(0).accelerators(1).nvlink_domain(), "n");
}

TEST_F(MachineTest, WithoutNvmlThereIsANote) {
  options_.nvml_library = "libno-such-nvml.so.1";
  const Machine absent = Discover();
  ASSERT_FALSE(absent.notes.empty());
  EXPECT_THAT(absent.notes[0], HasSubstr("NVML is not here"));
  EXPECT_EQ(absent.topology.nodes(0).accelerators_size(), 4);
  options_.nvml_library = kFake;
  setenv("FAKE_NVML", "broken", 1);
  EXPECT_THAT(Discover().notes[0],
              HasSubstr("NVML does not start: Driver Not Loaded"));
  setenv("FAKE_NVML", "uncounted", 1);
  EXPECT_THAT(Discover().notes[0], HasSubstr("does not count the GPUs"));
  options_.nvml_library = "libm.so.6";
  EXPECT_THAT(Discover().notes[0], HasSubstr("lacks functions of NVML"));
}

TEST_F(MachineTest, WithoutAcceleratorsTheNodeHasSlots) {
  options_.hwloc_xml = TestFile("hwloc_virtual.xml");
  options_.nvml_library = "";
  const Machine machine = Discover();
  EXPECT_EQ(machine.topology.nodes(0).slots(), 1u);
  EXPECT_THAT(machine.notes,
              ElementsAre("the kernel does not know the speed of eth0"));
}

// Whatever it is that this test runs on.
TEST(DiscoverMachine, ThisMachine) {
  const auto machine = DiscoverMachine({});
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_THAT(machine->topology.nodes(), SizeIs(1));
  const v1::Node& node = machine->topology.nodes(0);
  EXPECT_FALSE(node.name().empty());
  EXPECT_GT(node.host_memory_bytes(), 0u);
  EXPECT_FALSE(node.numa_nodes().empty());
  EXPECT_FALSE(node.cpu().architecture().empty());
  EXPECT_TRUE(node.slots() > 0 || node.accelerators_size() > 0);
}

}  // namespace
}  // namespace ithaca::topology
