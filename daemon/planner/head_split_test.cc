#include "daemon/planner/head_split.h"

#include <functional>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::ElementsAre;
using Key = std::tuple<uint32_t, uint32_t, uint32_t>;

Key CostOf(const std::vector<uint32_t>& counts, uint32_t group_size) {
  uint32_t start = 0;
  Key sum{0, 0, 0};
  for (uint32_t count : counts) {
    const SplitCost cost = CostOfShare(start, count, group_size);
    std::get<0>(sum) += cost.kv_copies;
    std::get<1>(sum) += cost.uneven_ranks;
    std::get<2>(sum) += cost.sum_of_squares;
    start += count;
  }
  return sum;
}

// Every contiguous split with no share above ceil(heads / ranks), larger shares
// first, so that the first of the best ones is the one to expect.
std::vector<uint32_t> BruteForce(uint32_t heads, uint32_t group_size,
                                 uint32_t ranks) {
  const uint32_t largest = (heads + ranks - 1) / ranks;
  std::vector<uint32_t> counts, best;
  std::function<void(uint32_t)> extend = [&](uint32_t left) {
    const uint32_t more = ranks - static_cast<uint32_t>(counts.size());
    if (more == 0) {
      if (left != 0) return;
      if (best.empty() ||
          CostOf(counts, group_size) < CostOf(best, group_size)) {
        best = counts;
      }
      return;
    }
    for (uint32_t count = std::min(largest, left); count >= 1; --count) {
      if (left - count > (more - 1) * largest) break;
      if (left - count < more - 1) continue;
      counts.push_back(count);
      extend(left - count);
      counts.pop_back();
    }
  };
  extend(heads);
  return best;
}

TEST(CostOfShare, CountsGroupsAndUnequalParts) {
  const struct {
    uint32_t start, count, group_size, copies, uneven;
  } cases[] = {
      {0, 3, 4, 1, 0},   // part of one group
      {4, 8, 4, 2, 0},   // two whole groups
      {2, 4, 4, 2, 0},   // two heads of each of two groups
      {3, 4, 4, 2, 1},   // one head and three
      {3, 6, 4, 3, 1},   // one head, a whole group, one head
      {0, 12, 4, 3, 0},  // three whole groups
      {0, 5, 4, 2, 1},   // a whole group and one head
      {0, 5, 1, 5, 0},   // multi-head attention: groups of one
  };
  for (const auto& c : cases) {
    const SplitCost cost = CostOfShare(c.start, c.count, c.group_size);
    EXPECT_EQ(cost.kv_copies, c.copies) << c.start << "+" << c.count;
    EXPECT_EQ(cost.uneven_ranks, c.uneven) << c.start << "+" << c.count;
    EXPECT_EQ(cost.sum_of_squares, c.count * c.count);
  }
}

TEST(BestSplit, KnownSplits) {
  EXPECT_THAT(BestSplit(9, 3, 2), ElementsAre(5, 4));
  EXPECT_THAT(BestSplit(9, 3, 8), ElementsAre(2, 1, 1, 1, 1, 1, 1, 1));
  // Six KV groups of two over four ranks: whole groups where three heads allow
  // it.
  EXPECT_THAT(BestSplit(12, 2, 4), ElementsAre(3, 3, 3, 3));
  // Seven heads of one group each over three ranks.
  EXPECT_THAT(BestSplit(7, 1, 3), ElementsAre(3, 2, 2));
}

TEST(BestSplit, IsWhatTryingEverySplitFinds) {
  int compared = 0;
  for (uint32_t heads = 1; heads <= 14; ++heads) {
    for (uint32_t group = 1; group <= heads; ++group) {
      if (heads % group != 0) continue;
      for (uint32_t ranks = 1; ranks <= heads; ++ranks) {
        EXPECT_EQ(BestSplit(heads, group, ranks),
                  BruteForce(heads, group, ranks))
            << heads << " heads in groups of " << group << " over " << ranks;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 300);
}

}  // namespace
}  // namespace ithaca::planner
