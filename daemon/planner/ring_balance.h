// Pairs of query and key that attention computes: the work of a ring part.
//
// Used by the plan builder and by the check of plans. Pure; exact integers;
// safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_RING_BALANCE_H_
#define ITHACA_DAEMON_PLANNER_RING_BALANCE_H_

#include <cstdint>
#include <vector>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/sequence_split.h"

namespace ithaca::planner {

using PairCount = unsigned __int128;

// Pairs of the valid queries in `runs` with the keys that `mask` shows them,
// for one head. A block-sparse mask counts as full: its density is the same
// everywhere. Below 2^125. REQUIRES: runs within the padded sequence, which is
// below 2^62 long; window >= 1 with kSlidingWindow.
PairCount CountPairs(const std::vector<TokenRun>& runs,
                     const std::vector<Document>& documents, AttentionMask mask,
                     uint64_t window);

// Pairs of the busiest ring part over the mean of all; 1.0 is perfect.
double ImbalanceOf(const SequenceSplit& split, AttentionMask mask,
                   uint64_t window);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_RING_BALANCE_H_
