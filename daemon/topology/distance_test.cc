#include "daemon/topology/distance.h"

#include <gmock/gmock.h>

#include <optional>
#include <string>

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename Device>
Device Make(const std::vector<std::string>& bridges,
            std::optional<uint32_t> numa) {
  Device device;
  for (const std::string& bridge : bridges) device.add_pci_bridges(bridge);
  if (numa) device.set_numa_node(*numa);
  return device;
}

Distance Between(const std::vector<std::string>& a, std::optional<uint32_t> x,
                 const std::vector<std::string>& b, std::optional<uint32_t> y) {
  return DistanceOf(Make<v1::Accelerator>(a, x), Make<v1::Rail>(b, y));
}

TEST(DistanceOf, BridgesCountBeforeNumaNodes) {
  EXPECT_EQ(Between({"s", "r"}, 0, {"s", "r"}, 1), Distance::kSwitch);
  EXPECT_EQ(Between({"s", "r"}, 0, {"t", "r"}, 1), Distance::kBridges);
  EXPECT_EQ(Between({"s"}, 0, {"t"}, 0), Distance::kNuma);
  EXPECT_EQ(Between({"s"}, 0, {"t"}, 1), Distance::kSystem);
  EXPECT_EQ(Between({"s"}, 0, {}, 0), Distance::kNuma);
  EXPECT_EQ(Between({"s"}, 0, {"t"}, std::nullopt), Distance::kUnknown);
  EXPECT_EQ(Between({}, std::nullopt, {}, std::nullopt), Distance::kUnknown);
}

TEST(NearestRails, LeavesOutWhatIsDown) {
  v1::Node node;
  *node.add_rails() = Make<v1::Rail>({"far"}, 1);
  *node.add_rails() = Make<v1::Rail>({"s"}, 0);
  *node.add_rails() = Make<v1::Rail>({"s"}, 0);
  const auto gpu = Make<v1::Accelerator>({"s"}, 0);
  EXPECT_THAT(NearestRails(node, gpu), ElementsAre(1, 2));
  node.mutable_rails(1)->set_state(v1::LINK_STATE_DOWN);
  EXPECT_THAT(NearestRails(node, gpu), ElementsAre(2));
  node.mutable_rails(2)->set_state(v1::LINK_STATE_DOWN);
  EXPECT_THAT(NearestRails(node, gpu), ElementsAre(0));
  EXPECT_THAT(NearestRails(node, {}), ElementsAre(0));
  EXPECT_THAT(NearestRails({}, gpu), IsEmpty());
}

}  // namespace
}  // namespace ithaca::topology
