#include "plugin/socket/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ithaca {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Interface> Host() {
  std::vector<Interface> host;
  const auto add = [&](const char* name, bool up, bool loopback, bool bridge) {
    Interface interface;
    interface.rail.name = name;
    interface.rail.loopback = loopback;
    interface.up = up;
    interface.virtual_bridge = bridge;
    host.push_back(interface);
  };
  add("lo", true, true, false);
  add("eth0", true, false, false);
  add("eth1", true, false, false);
  add("eth10", true, false, false);
  add("eth2", false, false, false);
  add("docker0", true, false, true);
  return host;
}

StatusOr<std::vector<std::string>> Select(const char* rails,
                                          const char* ifname) {
  Options options;
  options.rails = rails;
  options.socket_ifname = ifname;
  auto selected = SelectRails(Host(), options);
  if (!selected.ok()) return selected.status();
  std::vector<std::string> names;
  for (const Rail& rail : *selected) names.push_back(rail.name);
  return names;
}

TEST(SelectRails, DefaultLeavesOutLoopbackBridgesAndWhatIsDown) {
  EXPECT_THAT(*Select("", ""), ElementsAre("eth0", "eth1", "eth10"));
  EXPECT_THAT(*Select("auto", "^eth"), ElementsAre("eth0", "eth1", "eth10"));
}

TEST(SelectRails, NamesAreExactAndInOrder) {
  EXPECT_THAT(*Select("eth1,eth0", ""), ElementsAre("eth1", "eth0"));
  EXPECT_THAT(*Select("lo", ""), ElementsAre("lo"));
}

TEST(SelectRails, NcclsSyntax) {
  EXPECT_THAT(*Select("", "eth1"), ElementsAre("eth1", "eth10"));
  EXPECT_THAT(*Select("", "=eth1"), ElementsAre("eth1"));
  EXPECT_THAT(*Select("", "^eth1,lo"), ElementsAre("eth0", "docker0"));
  EXPECT_THAT(*Select("", "^=eth1,lo"),
              ElementsAre("eth0", "eth10", "docker0"));
  EXPECT_THAT(*Select("", "lo,docker"), ElementsAre("lo", "docker0"));
}

TEST(SelectRails, WhatIsMissingIsNamedWithWhatThereIs) {
  for (const auto& [rails, ifname] : {std::pair{"eth7", ""},
                                      {"eth2", ""},
                                      {"", "ib"},
                                      {"", "^eth,lo,docker"}}) {
    auto selected = Select(rails, ifname);
    ASSERT_FALSE(selected.ok()) << rails << ifname;
    EXPECT_EQ(selected.status().code(), Code::kNotFound);
    EXPECT_THAT(selected.status().message(), HasSubstr("eth2 (down)"));
  }
  EXPECT_EQ(Select("eth0,eth0", "").status().code(), Code::kInvalidArgument);
}

TEST(DiscoverInterfaces, FindsLoopback) {
  auto found = DiscoverInterfaces();
  ASSERT_TRUE(found.ok());
  const auto lo =
      std::find_if(found->begin(), found->end(),
                   [](const Interface& i) { return i.rail.loopback; });
  ASSERT_NE(lo, found->end());
  EXPECT_EQ(lo->rail.name, "lo");
  EXPECT_TRUE(lo->up);
  EXPECT_NE(lo->rail.guid, 0);
  EXPECT_EQ(lo->rail.address.ss_family, AF_INET);
}

}  // namespace
}  // namespace ithaca
