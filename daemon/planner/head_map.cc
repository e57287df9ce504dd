#include "daemon/planner/head_map.h"

#include <algorithm>

#include "daemon/planner/head_split.h"

namespace ithaca::planner {
namespace {

std::vector<uint32_t> EvenSplit(uint32_t heads, uint32_t parts) {
  std::vector<uint32_t> counts(parts, heads / parts);
  std::fill_n(counts.begin(), heads % parts, heads / parts + 1);
  return counts;
}

std::vector<uint32_t> HeadCounts(uint32_t query_heads, uint32_t kv_heads,
                                 uint32_t ranks) {
  if (kv_heads % ranks == 0) return EvenSplit(query_heads, ranks);
  const uint32_t group_size = query_heads / kv_heads;
  if (ranks % kv_heads != 0) return BestSplit(query_heads, group_size, ranks);
  const std::vector<uint32_t> one_group =
      EvenSplit(group_size, ranks / kv_heads);
  std::vector<uint32_t> counts;
  for (uint32_t g = 0; g < kv_heads; ++g) {
    counts.insert(counts.end(), one_group.begin(), one_group.end());
  }
  return counts;
}

}  // namespace

HeadShare ShareOf(uint32_t start, uint32_t count, uint32_t group_size) {
  const uint32_t first = start / group_size;
  return {start, count, first, (start + count - 1) / group_size - first + 1};
}

std::vector<HeadShare> MapHeads(uint32_t query_heads, uint32_t kv_heads,
                                uint32_t ranks) {
  std::vector<HeadShare> shares;
  uint32_t start = 0;
  for (uint32_t count : HeadCounts(query_heads, kv_heads, ranks)) {
    shares.push_back(ShareOf(start, count, query_heads / kv_heads));
    start += count;
  }
  return shares;
}

uint32_t KvHeadCopies(const std::vector<HeadShare>& shares) {
  uint32_t copies = 0;
  for (const HeadShare& share : shares) copies += share.kv_count;
  return copies;
}

double HeadImbalance(const std::vector<HeadShare>& shares) {
  uint32_t heads = 0;
  uint32_t busiest = 0;
  for (const HeadShare& share : shares) {
    heads += share.count;
    busiest = std::max(busiest, share.count);
  }
  return static_cast<double>(busiest) * static_cast<double>(shares.size()) /
         heads;
}

}  // namespace ithaca::planner
