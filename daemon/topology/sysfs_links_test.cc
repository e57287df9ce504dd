#include "daemon/topology/sysfs_links.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace ithaca::topology {
namespace {

namespace fs = std::filesystem;

class SysfsLinksTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "/sysfs";
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void Put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  std::string root_;
};

TEST_F(SysfsLinksTest, ReadsSpeedsStatesAndLinks) {
  Put("/class/net/eth0/speed", "25000");
  Put("/class/net/eth0/operstate", "up");
  Put("/class/net/eth0/device/vendor", "0x15b3");
  Put("/class/net/eth1/speed", "-1");
  Put("/class/net/eth1/operstate", "down");
  Put("/class/net/eth1/device/vendor", "0x15b3");
  Put("/class/net/lo/operstate", "unknown");
  Put("/class/infiniband/mlx5_0/ports/1/rate", "400 Gb/sec (4X NDR)");
  Put("/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE");
  Put("/bus/pci/devices/0000:0f:00.0/max_link_speed", "32.0 GT/s PCIe");
  Put("/bus/pci/devices/0000:0f:00.0/max_link_width", "16");
  Put("/bus/pci/devices/0000:0f:00.0/numa_node", "-1");
  Put("/bus/pci/devices/0000:0c:00.0/numa_node", "1");
  Put("/bus/pci/devices/0000:0a:00.0/max_link_speed", "16.0 GT/s PCIe");
  Put("/bus/pci/devices/0000:0a:00.0/max_link_width", "8");
  v1::Node node;
  v1::Accelerator& a = *node.add_accelerators();
  a.set_pci_address("0000:0f:00.0");
  a.add_pci_bridges("0000:0a:00.0");
  v1::Rail& ib = *node.add_rails();
  ib.set_name("ib0");
  ib.set_rdma_device("mlx5_0");
  ib.set_pci_address("0000:0c:00.0");
  AddLinks(root_, 2, node);

  ASSERT_EQ(node.rails_size(), 3);  // not lo, which has no device
  EXPECT_EQ(node.rails(0).speed_mbps(), 400'000u);
  EXPECT_EQ(node.rails(0).state(), v1::LINK_STATE_UP);
  EXPECT_EQ(node.rails(0).numa_node(), 1u);
  EXPECT_FALSE(node.rails(0).has_pci_link());
  EXPECT_EQ(node.rails(1).name(), "eth0");
  EXPECT_EQ(node.rails(1).speed_mbps(), 25'000u);
  EXPECT_EQ(node.rails(1).state(), v1::LINK_STATE_UP);
  bool told = false;
  for (const v1::Origin& origin : node.rails(1).origins()) {
    EXPECT_EQ(origin.source(), 2u);
    told = told || origin.location() == "/class/net/eth0/speed";
  }
  EXPECT_TRUE(told);
  EXPECT_FALSE(node.rails(2).has_speed_mbps());
  EXPECT_EQ(node.rails(2).state(), v1::LINK_STATE_DOWN);
  EXPECT_EQ(node.accelerators(0).pci_link().megatransfers_per_second(), 32000u);
  EXPECT_FALSE(node.accelerators(0).has_numa_node());
  ASSERT_EQ(node.pci_bridges_size(), 1);
  EXPECT_EQ(node.pci_bridges(0).pci_link().lanes(), 8u);
}

TEST_F(SysfsLinksTest, WhatCannotBeReadIsUnknown) {
  Put("/class/net/eth0/speed", std::string(100'000, '9'));
  Put("/class/net/eth0/operstate", "\x01");
  Put("/bus/pci/devices/0000:0f:00.0/max_link_speed", "fast");
  v1::Node node;
  node.add_rails()->set_name("eth0");
  node.add_accelerators()->set_pci_address("0000:0f:00.0");
  const std::string before = node.DebugString();
  AddLinks(root_, 0, node);
  EXPECT_EQ(node.DebugString(), before);
  AddLinks("/no/such/folder", 0, node);
  EXPECT_EQ(node.DebugString(), before);
}

}  // namespace
}  // namespace ithaca::topology
