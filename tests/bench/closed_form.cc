#include <algorithm>

#include "daemon/planner/cost/link_time.h"
#include "tests/bench/all_to_all_case.h"

namespace ithaca::bench {
namespace {

using planner::LinkClass;
using planner::LinkRate;
using planner::LinkRates;
using planner::Spread;

uint32_t& PeersAt(Spread& spread, LinkClass link) {
  return spread.peers[static_cast<size_t>(link)];
}

// Of the first group; all groups look alike from inside.
Spread SpreadOf(const Case& c, uint32_t member) {
  Spread spread;
  const uint32_t leaf = c.HostOf(0, member) / c.tree.hosts_per_leaf;
  for (uint32_t peer = 0; peer < c.group_size; ++peer) {
    if (peer == member) continue;
    const bool near = c.HostOf(0, peer) / c.tree.hosts_per_leaf == leaf;
    ++PeersAt(spread, near ? LinkClass::kLeaf : LinkClass::kUplink);
  }
  return spread;
}

double BusiestBytes(const Case& c) {
  double all = 0, most = 0;
  for (uint32_t m = 0; m < c.group_size; ++m) all += c.BytesTo(m);
  for (uint32_t m = 0; m < c.group_size; ++m) {
    most =
        std::max({most, all - c.BytesTo(m), c.BytesTo(m) * (c.group_size - 1)});
  }
  return most;
}

}  // namespace

std::string Case::Name() const {
  return std::to_string(tree.leaves) + " x " +
         std::to_string(tree.hosts_per_leaf) + " hosts, " +
         std::to_string(tree.hosts_per_leaf / tree.spines) + ":1, groups of " +
         std::to_string(group_size) + (strided ? " apart" : "") +
         (weights.empty() ? "" : ", uneven");
}

uint32_t Case::HostOf(uint32_t group, uint32_t member) const {
  const uint32_t groups = tree.hosts() / group_size;
  return strided ? member * groups + group : group * group_size + member;
}

double Case::BytesTo(uint32_t member) const {
  return weights.empty() ? bytes : bytes * weights[member];
}

double ClosedFormSeconds(const Case& c) {
  const double latency = c.tree.latency_seconds;
  LinkRates links;
  links[static_cast<size_t>(LinkClass::kLeaf)] =
      LinkRate{c.tree.bytes_per_second, 2 * latency, {}};
  links[static_cast<size_t>(LinkClass::kUplink)] =
      LinkRate{c.tree.uplink_bytes_per_second(), 4 * latency, {}};
  Spread farthest;
  for (uint32_t m = 0; m < c.group_size; ++m) {
    Spread spread = SpreadOf(c, m);
    if (PeersAt(spread, LinkClass::kUplink) >=
        PeersAt(farthest, LinkClass::kUplink)) {
      farthest = spread;
    }
  }
  return planner::AllToAllSeconds(BusiestBytes(c), farthest, links).value();
}

}  // namespace ithaca::bench
