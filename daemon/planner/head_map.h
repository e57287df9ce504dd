// Which query heads, and which key/value heads, each member of a Ulysses group
// holds.
//
// Used by the plan builder. Pure function of three numbers; safe from any
// thread.
//
// H query heads share Hkv key/value heads, G = H / Hkv each: query head q reads
// key/value head floor(q / G), its KV group. The map is contiguous in rank
// order, the busiest rank holds ceil(H / P) query heads, which no map can
// better, and:
//   P divides Hkv             whole KV groups, equal shares, no copies;
//   P is a multiple k of Hkv  each KV group over k ranks, split as evenly as
//   possible:
//                             no rank reads two groups; imbalance ceil(G/k) /
//                             (G/k);
//   neither                   among all contiguous maps whose busiest rank
//   holds
//                             ceil(H / P): as many group borders as possible on
//                             rank borders (fewest key/value copies), then the
//                             fewest ranks with unequal parts of several groups
//                             (attention kernels want one ratio per call), then
//                             the most even, then the larger shares first.
#ifndef ITHACA_DAEMON_PLANNER_HEAD_MAP_H_
#define ITHACA_DAEMON_PLANNER_HEAD_MAP_H_

#include <cstdint>
#include <vector>

namespace ithaca::planner {

// The heads of one rank.
struct HeadShare {
  uint32_t start = 0;  // first query head
  uint32_t count = 0;  // query heads, at least 1
  // Key/value heads floor(q / G) of these: first_kv .. first_kv + kv_count - 1.
  uint32_t first_kv = 0;
  uint32_t kv_count = 0;
};

// The key/value heads that query heads start .. start + count - 1 read.
// REQUIRES: count >= 1, group_size >= 1.
HeadShare ShareOf(uint32_t start, uint32_t count, uint32_t group_size);

// One share per rank. O(1) per rank when one of P and Hkv divides the other,
// else O(H * P * ceil(H / P)) time and O(H * P) memory. REQUIRES: 1 <=
// kv_heads, kv_heads divides query_heads, 1 <= ranks <= query_heads,
// query_heads <= kMaxQueryHeads.
std::vector<HeadShare> MapHeads(uint32_t query_heads, uint32_t kv_heads,
                                uint32_t ranks);

// Sum of kv_count: key/value heads received in the group, counting copies.
uint32_t KvHeadCopies(const std::vector<HeadShare>& shares);

// Query heads of the busiest rank over the mean; 1.0 is perfect.
// REQUIRES: shares is not empty.
double HeadImbalance(const std::vector<HeadShare>& shares);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_HEAD_MAP_H_
