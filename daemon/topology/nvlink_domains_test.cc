#include "daemon/topology/nvlink_domains.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace ithaca::topology {
namespace {

v1::Node Gpus(int count) {
  v1::Node node;
  node.set_name("n");
  for (int i = 0; i < count; ++i) {
    v1::Accelerator& a = *node.add_accelerators();
    a.set_pci_address(absl::StrCat("0000:0", i, ":00.0"));
    a.set_compute_capability(80);
  }
  return node;
}

void Join(v1::Node& node, int from, const std::string& target, uint32_t links,
          const std::string& kind) {
  v1::NvLink& link = *node.mutable_accelerators(from)->add_nvlinks();
  link.set_target(target);
  link.set_links(links);
  link.set_target_class(kind);
}

TEST(SetNvlinkDomains, SwitchesJoinAll) {
  v1::Node node = Gpus(3);
  Join(node, 0, "0000:f0:00.0", 6, kNvswitchClass);
  Join(node, 0, "0000:f1:00.0", 6, kNvswitchClass);
  Join(node, 1, "0000:f1:00.0", 12, kNvswitchClass);
  SetNvlinkDomains(node);
  EXPECT_EQ(node.accelerators(0).nvlink_domain(), "n");
  EXPECT_EQ(node.accelerators(1).nvlink_domain(), "n");
  EXPECT_FALSE(node.accelerators(2).has_nvlink_domain());
  EXPECT_EQ(node.accelerators(0).nvlink_bytes_per_second(), 300'000'000'000u);
}

TEST(SetNvlinkDomains, PairsAreDomainsOfTheirOwn) {
  v1::Node node = Gpus(4);
  for (int i = 0; i < 4; ++i)
    Join(node, i, node.accelerators(i ^ 1).pci_address(), 12, "0x030200");
  SetNvlinkDomains(node);
  EXPECT_EQ(node.accelerators(0).nvlink_domain(), "n/0");
  EXPECT_EQ(node.accelerators(1).nvlink_domain(), "n/0");
  EXPECT_EQ(node.accelerators(2).nvlink_domain(), "n/1");
  EXPECT_EQ(node.accelerators(3).nvlink_domain(), "n/1");
}

TEST(SetNvlinkDomains, KeepsWhatIsKnownAndMakesUpNoRate) {
  v1::Node node = Gpus(1);
  Join(node, 0, "0000:f0:00.0", 4, kNvswitchClass);
  node.mutable_accelerators(0)->set_nvlink_domain("rack");
  node.mutable_accelerators(0)->clear_compute_capability();
  SetNvlinkDomains(node);
  EXPECT_EQ(node.accelerators(0).nvlink_domain(), "rack");
  EXPECT_FALSE(node.accelerators(0).has_nvlink_bytes_per_second());
}

TEST(NvlinkRate, IsThatOfTheDataSheets) {
  EXPECT_EQ(*NvlinkRate(70) * 6, 150'000'000'000u);
  EXPECT_EQ(*NvlinkRate(80) * 12, 300'000'000'000u);
  EXPECT_EQ(*NvlinkRate(90) * 18, 450'000'000'000u);
  EXPECT_EQ(*NvlinkRate(100) * 18, 900'000'000'000u);
  for (uint32_t none : {0u, 75u, 89u, 120u, 999u})
    EXPECT_FALSE(NvlinkRate(none).has_value()) << none;
}

}  // namespace
}  // namespace ithaca::topology
