#include "daemon/planner/head_split.h"

#include <algorithm>
#include <limits>

namespace ithaca::planner {
namespace {

// A cost as one number, so that sums and comparisons are single instructions:
// 16 bits each for copies and uneven ranks, 32 for the squares. With at most
// 1024 heads copies and ranks stay below 2^12 and squares below 2^20.
uint64_t Pack(const SplitCost& cost) {
  return cost.kv_copies * (uint64_t{1} << 48) +
         cost.uneven_ranks * (uint64_t{1} << 32) + cost.sum_of_squares;
}

constexpr uint64_t kImpossible = std::numeric_limits<uint64_t>::max();

// best(r, h): least cost of giving heads h .. H-1 to ranks r .. P-1.
class SplitTable {
 public:
  SplitTable(uint32_t heads, uint32_t group_size, uint32_t ranks)
      : heads_(heads),
        group_size_(group_size),
        ranks_(ranks),
        largest_((heads + ranks - 1) / ranks),
        best_(size_t{ranks + 1} * (heads + 1), kImpossible) {
    // The cost of a share depends on its start only within the KV group.
    share_cost_.resize(size_t{group_size} * largest_);
    for (uint32_t start = 0; start < group_size; ++start) {
      for (uint32_t count = 1; count <= largest_; ++count) {
        share_cost_[start * largest_ + count - 1] =
            Pack(CostOfShare(start, count, group_size));
      }
    }
    at(ranks_, heads_) = 0;
    for (uint32_t rank = ranks_; rank-- > 0;) FillRow(rank);
  }

  std::vector<uint32_t> Trace() const {
    std::vector<uint32_t> counts;
    uint32_t head = 0;
    for (uint32_t rank = 0; rank < ranks_; ++rank) {
      uint32_t count = std::min(largest_, heads_ - head);
      while (Via(rank, head, count) != at(rank, head)) --count;
      counts.push_back(count);
      head += count;
    }
    return counts;
  }

 private:
  uint64_t& at(uint32_t rank, uint32_t head) {
    return best_[size_t{rank} * (heads_ + 1) + head];
  }
  uint64_t at(uint32_t rank, uint32_t head) const {
    return best_[size_t{rank} * (heads_ + 1) + head];
  }

  uint64_t Via(uint32_t rank, uint32_t head, uint32_t count) const {
    const uint64_t rest = at(rank + 1, head + count);
    if (rest == kImpossible) return kImpossible;
    return rest + share_cost_[head % group_size_ * largest_ + count - 1];
  }

  // Only heads that can be reached from the front and can reach the end matter.
  void FillRow(uint32_t rank) {
    const uint32_t left = ranks_ - rank;
    const uint32_t need = left * largest_;
    const uint32_t first = std::max(rank, heads_ > need ? heads_ - need : 0);
    const uint32_t last = std::min(rank * largest_, heads_ - left);
    for (uint32_t head = first; head <= last; ++head) {
      const uint32_t most = std::min(largest_, heads_ - head);
      uint64_t& best = at(rank, head);
      for (uint32_t count = 1; count <= most; ++count) {
        best = std::min(best, Via(rank, head, count));
      }
    }
  }

  const uint32_t heads_;
  const uint32_t group_size_;
  const uint32_t ranks_;
  const uint32_t largest_;
  std::vector<uint64_t> best_;
  std::vector<uint64_t> share_cost_;
};

}  // namespace

SplitCost CostOfShare(uint32_t start, uint32_t count, uint32_t group_size) {
  const uint32_t first_group = start / group_size;
  const uint32_t last_group = (start + count - 1) / group_size;
  const uint32_t groups = last_group - first_group + 1;
  const uint32_t in_first =
      std::min(count, (first_group + 1) * group_size - start);
  const uint32_t in_last =
      start + count - std::max(start, last_group * group_size);
  // Groups between the first and the last are whole.
  const bool uneven = groups > 1 && (in_first != in_last ||
                                     (groups > 2 && in_first != group_size));
  return {groups, uneven ? 1u : 0u, count * count};
}

std::vector<uint32_t> BestSplit(uint32_t query_heads, uint32_t group_size,
                                uint32_t ranks) {
  return SplitTable(query_heads, group_size, ranks).Trace();
}

}  // namespace ithaca::planner
