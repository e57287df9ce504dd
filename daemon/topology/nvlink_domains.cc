#include "daemon/topology/nvlink_domains.h"

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ithaca::topology {
namespace {

// Sets of indices that can be joined.
class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), size_t{0});
  }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(size_t a, size_t b) { parent_[Find(a)] = Find(b); }

 private:
  std::vector<size_t> parent_;
};

// Joins accelerators of the node by their links; the switches are one more
// member, the last.
Sets Joined(const v1::Node& node) {
  const auto count = static_cast<size_t>(node.accelerators_size());
  Sets sets(count + 1);
  std::map<std::string, size_t> by_address;
  for (size_t i = 0; i < count; ++i) {
    const v1::Accelerator& a = node.accelerators(static_cast<int>(i));
    if (!a.pci_address().empty()) by_address.emplace(a.pci_address(), i);
  }
  for (size_t i = 0; i < count; ++i) {
    for (const v1::NvLink& link :
         node.accelerators(static_cast<int>(i)).nvlinks()) {
      const auto peer = by_address.find(link.target());
      if (peer != by_address.end()) {
        sets.Join(i, peer->second);
      } else if (link.target_class() == kNvswitchClass) {
        sets.Join(i, count);
      }
    }
  }
  return sets;
}

}  // namespace

std::optional<uint64_t> NvlinkRate(uint32_t compute_capability) {
  constexpr uint64_t kGiga = 1'000'000'000;
  switch (compute_capability) {
    case 60:
      return 20 * kGiga;
    case 70:
    case 80:
    case 90:
      return 25 * kGiga;
    case 86:
      return 14'062'500'000;
    case 100:
    case 103:
      return 50 * kGiga;
    default:
      return std::nullopt;
  }
}

void SetNvlinkDomains(v1::Node& node) {
  Sets sets = Joined(node);
  std::map<size_t, size_t> numbers;  // of the domains, by their set
  for (int i = 0; i < node.accelerators_size(); ++i) {
    if (node.accelerators(i).nvlinks_size() > 0)
      numbers.emplace(sets.Find(static_cast<size_t>(i)), numbers.size());
  }
  for (int i = 0; i < node.accelerators_size(); ++i) {
    v1::Accelerator& a = *node.mutable_accelerators(i);
    if (a.nvlinks_size() == 0) continue;
    if (!a.has_nvlink_domain()) {
      const size_t number = numbers.at(sets.Find(static_cast<size_t>(i)));
      a.set_nvlink_domain(numbers.size() == 1
                              ? node.name()
                              : absl::StrCat(node.name(), "/", number));
    }
    const auto rate = NvlinkRate(a.compute_capability());
    if (!rate || a.has_nvlink_bytes_per_second()) continue;
    uint64_t links = 0;
    for (const v1::NvLink& link : a.nvlinks()) links += link.links();
    if (links > 0 && links <= 1024)
      a.set_nvlink_bytes_per_second(links * *rate);
  }
}

}  // namespace ithaca::topology
