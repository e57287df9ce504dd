#include "daemon/planner/head_map.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::ElementsAre;

std::vector<uint32_t> Counts(uint32_t heads, uint32_t kv_heads,
                             uint32_t ranks) {
  std::vector<uint32_t> counts;
  for (const HeadShare& s : MapHeads(heads, kv_heads, ranks))
    counts.push_back(s.count);
  return counts;
}

// Worked out by hand from the rules in the header.
TEST(MapHeads, KnownMaps) {
  EXPECT_THAT(Counts(32, 8, 4), ElementsAre(8, 8, 8, 8));
  EXPECT_THAT(Counts(28, 4, 8), ElementsAre(4, 3, 4, 3, 4, 3, 4, 3));
  EXPECT_THAT(Counts(16, 2, 8), ElementsAre(2, 2, 2, 2, 2, 2, 2, 2));
  EXPECT_THAT(Counts(40, 8, 16),
              ElementsAre(3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2));
  EXPECT_THAT(Counts(5, 1, 2), ElementsAre(3, 2));
  EXPECT_THAT(Counts(6, 6, 3), ElementsAre(2, 2, 2));
  EXPECT_THAT(Counts(7, 7, 1), ElementsAre(7));
}

TEST(MapHeads, SharesOfNineHeadsOnTwoRanks) {
  const std::vector<HeadShare> shares = MapHeads(9, 3, 2);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].first_kv, 0u);
  EXPECT_EQ(shares[0].kv_count, 2u);
  EXPECT_EQ(shares[1].first_kv, 1u);
  EXPECT_EQ(shares[1].kv_count, 2u);
  EXPECT_EQ(KvHeadCopies(shares), 4u);
  EXPECT_DOUBLE_EQ(HeadImbalance(shares), 5 / 4.5);
}

// Every legal case up to 64 heads: heads owned once, the right key/value heads,
// the least possible load, and the closed forms where one number divides the
// other.
class EveryMap : public testing::TestWithParam<uint32_t> {};

void CheckMap(uint32_t heads, uint32_t kv_heads, uint32_t ranks) {
  const std::vector<HeadShare> shares = MapHeads(heads, kv_heads, ranks);
  ASSERT_EQ(shares.size(), ranks);
  const uint32_t group = heads / kv_heads;
  uint32_t next = 0;
  uint32_t busiest = 0;
  for (const HeadShare& share : shares) {
    ASSERT_EQ(share.start, next);
    ASSERT_GE(share.count, 1u);
    next += share.count;
    busiest = std::max(busiest, share.count);
    ASSERT_EQ(share.first_kv, share.start / group);
    ASSERT_EQ(share.first_kv + share.kv_count - 1, (next - 1) / group);
    if (ranks % kv_heads == 0) {
      ASSERT_EQ(share.kv_count, 1u);
    }
  }
  ASSERT_EQ(next, heads);
  ASSERT_EQ(busiest, (heads + ranks - 1) / ranks);
  ASSERT_LE(KvHeadCopies(shares), ranks + kv_heads - 1);
  if (kv_heads % ranks == 0) {
    ASSERT_EQ(KvHeadCopies(shares), kv_heads);
  }
  if (ranks % kv_heads == 0) {
    const uint32_t k = ranks / kv_heads;
    ASSERT_EQ(KvHeadCopies(shares), ranks);
    ASSERT_EQ(busiest, (group + k - 1) / k);
    for (uint32_t r = 0; r < ranks; ++r) ASSERT_EQ(shares[r].first_kv, r / k);
  }
}

TEST_P(EveryMap, HoldsItsPromises) {
  const uint32_t heads = GetParam();
  for (uint32_t kv_heads = 1; kv_heads <= heads; ++kv_heads) {
    if (heads % kv_heads != 0) continue;
    for (uint32_t ranks = 1; ranks <= heads; ++ranks) {
      SCOPED_TRACE(testing::Message()
                   << heads << "/" << kv_heads << " at " << ranks);
      CheckMap(heads, kv_heads, ranks);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, EveryMap, testing::Range(1u, 65u));

TEST(MapHeads, LargestModel) { CheckMap(1024, 32, 769); }

}  // namespace
}  // namespace ithaca::planner
