#include "plugin/net/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "plugin/net/result.h"
#include "plugin/transport/handle.h"

namespace ithaca::net {
namespace {

using testing::ElementsAre;

Rail MakeRail(const char* name, int numa, const char* pci, int mbps) {
  Rail rail;
  rail.name = name;
  rail.numa_node = numa;
  rail.pci_path = pci;
  rail.speed_mbps = mbps;
  rail.guid = std::hash<std::string>()(name) | 1;
  return rail;
}

TEST(Devices, RailsOfOneLocalityAreFused) {
  const std::vector<Rail> rails = {
      MakeRail("eth0", 0, "/sys/a", 1000), MakeRail("eth1", 1, "/sys/b", 2000),
      MakeRail("eth2", 0, "/sys/c", 1000), MakeRail("veth", -1, "", 0)};
  const auto devices = MakeDevices(rails, Options());
  ASSERT_EQ(devices.size(), 3);
  EXPECT_EQ(devices[0].name, "eth0+eth2");
  EXPECT_THAT(devices[0].rails, ElementsAre(0, 2));
  EXPECT_EQ(devices[0].speed_mbps, 2000);
  EXPECT_EQ(devices[0].pci_path, "/sys/a");
  EXPECT_EQ(devices[1].name, "eth1");
  EXPECT_EQ(devices[2].name, "veth");
  EXPECT_EQ(devices[2].speed_mbps, 0);
}

TEST(Devices, SplitShowsEachRail) {
  Options options;
  options.devices = Options::Devices::kSplit;
  const auto devices = MakeDevices(
      {MakeRail("eth0", 0, "/sys/a", 1), MakeRail("eth1", 0, "/sys/b", 1)},
      options);
  ASSERT_EQ(devices.size(), 2);
  EXPECT_NE(devices[0].guid, devices[1].guid);
}

TEST(Devices, MoreRailsThanAHandleHoldsMakeMoreDevices) {
  std::vector<Rail> rails;
  for (int i = 0; i < 10; ++i)
    rails.push_back(MakeRail(("e" + std::to_string(i)).c_str(), -1, "", 1));
  const auto devices = MakeDevices(rails, Options());
  EXPECT_EQ(devices.size(), 3);
  std::set<int> seen;
  std::set<std::string> names;
  for (const Device& device : devices) {
    EXPECT_LE(device.rails.size(), kMaxRailsPerDevice);
    names.insert(device.name);
    for (int rail : device.rails) EXPECT_TRUE(seen.insert(rail).second);
  }
  EXPECT_EQ(seen.size(), 10);
  EXPECT_EQ(names.size(), 3);
}

TEST(Result, EveryCodeHasOne) {
  EXPECT_EQ(ToResult(Status()), abi::Result::kSuccess);
  for (int code = 1; code <= static_cast<int>(Code::kInternal); ++code) {
    const abi::Result result = ToResult(Status(static_cast<Code>(code), "x"));
    EXPECT_NE(result, abi::Result::kSuccess);
    EXPECT_NE(result, abi::Result::kInProgress);
    if (static_cast<Code>(code) == Code::kInternal) continue;
    EXPECT_NE(result, abi::Result::kInternalError) << code;
  }
  EXPECT_EQ(ToResult(Status(Code::kUnavailable, "")),
            abi::Result::kRemoteError);
  EXPECT_EQ(ToResult(Status(Code::kInvalidArgument, "")),
            abi::Result::kInvalidUsage);
}

}  // namespace
}  // namespace ithaca::net
