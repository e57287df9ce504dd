// The best contiguous split of query heads when neither the ranks nor the
// key/value heads divide the other.
//
// Used by head_map alone. Pure function; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_HEAD_SPLIT_H_
#define ITHACA_DAEMON_PLANNER_HEAD_SPLIT_H_

#include <cstdint>
#include <vector>

namespace ithaca::planner {

// What a split costs; less is better, from the first field on.
struct SplitCost {
  uint32_t kv_copies = 0;       // key/value heads held, over all ranks
  uint32_t uneven_ranks = 0;    // ranks with unequal parts of several KV groups
  uint32_t sum_of_squares = 0;  // of the ranks' query heads
};

// The cost of one rank that holds query heads start .. start + count - 1.
// REQUIRES: count >= 1, group_size >= 1.
SplitCost CostOfShare(uint32_t start, uint32_t count, uint32_t group_size);

// Query heads of each rank, in order, all between 1 and ceil(query_heads /
// ranks), with the least cost; of several, the one with the larger shares
// first. REQUIRES: as MapHeads.
std::vector<uint32_t> BestSplit(uint32_t query_heads, uint32_t group_size,
                                uint32_t ranks);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_HEAD_SPLIT_H_
