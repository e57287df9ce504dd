// How far from each other the members of each kind of group lie.
//
// Filled in by whoever places ranks on accelerators; read by traffic and time.
// Plain values.
#ifndef ITHACA_DAEMON_PLANNER_COST_SPREAD_H_
#define ITHACA_DAEMON_PLANNER_COST_SPREAD_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "daemon/planner/cost/hardware.h"

namespace ithaca::planner {

// The groups that a rank communicates in.
enum class Group {
  kTensor,    // T ranks
  kUlysses,   // U ranks
  kRing,      // R ranks
  kData,      // dp * R * U ranks: the same parameters
  kExpert,    // expert_parallel ranks
  kPipeline,  // pp ranks
};
inline constexpr size_t kGroups = 6;

// The other members of one member's group, by how far away they are: of the
// member with the most far ones, where they differ. They sum to the size of the
// group less one.
struct Spread {
  std::array<uint32_t, kLinkClasses> peers{};  // by LinkClass

  uint32_t Peers() const {
    uint32_t sum = 0;
    for (uint32_t count : peers) sum += count;
    return sum;
  }
};

struct Placement {
  std::array<Spread, kGroups> groups{};  // by Group

  Spread& Of(Group group) { return groups[static_cast<size_t>(group)]; }
  const Spread& Of(Group group) const {
    return groups[static_cast<size_t>(group)];
  }
};

// The share of the bytes of one rank that each class of link carries. They sum
// to 1 unless the group is a single rank (all 0).
using LinkShares = std::array<double, kLinkClasses>;

// Each peer gets the same.
LinkShares SharesOfAllToAll(const Spread& spread);

// Each member sends to the next one, the members in order of nearness: mean
// over the members. With n_c members within class c, N in all, N / n_c units
// are linked by hops of a farther class.
LinkShares SharesOfRing(const Spread& spread);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_SPREAD_H_
