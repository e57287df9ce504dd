// Which place each rank of a new plan takes so that little moves, and what
// does.
//
// Used by Replan. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_RANK_MOVES_H_
#define ITHACA_DAEMON_PLANNER_RANK_MOVES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/topology/slots.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The slots that are left, and the old rank that is at each; none: a new slot.
struct Survivors {
  std::vector<topology::Slot> slots;
  std::vector<std::optional<int>> old_ranks;
};

// For each rank of `plan` the index of its slot: in order of rank, the free one
// whose old rank has the same tensor and pipeline index and shares the most
// tokens, then the most query heads; then, for those that share nothing, any.
// REQUIRES: at least as many slots as ranks.
std::vector<size_t> MatchRanks(const v1::Plan& old, const v1::Plan& plan,
                               const Survivors& left);

// Fills in `moves` and `moved_tokens` of `answer`, whose plan is at these
// slots.
void AddMoves(const v1::Plan& old, const Survivors& left,
              const std::vector<size_t>& at, v1::ReplanResponse& answer);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_RANK_MOVES_H_
