#include "daemon/planner/token_map.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

void CheckTokens(uint64_t length, uint32_t ranks, bool pad) {
  SCOPED_TRACE(testing::Message()
               << length << " over " << ranks << " pad " << pad);
  const std::vector<TokenShare> shares = MapTokens(length, ranks, pad);
  ASSERT_EQ(shares.size(), ranks);
  const uint64_t ceiling = (length + ranks - 1) / ranks;
  uint64_t next = 0;
  uint64_t valid = 0;
  for (const TokenShare& share : shares) {
    ASSERT_EQ(share.start, next);
    next += share.count;
    valid += share.valid;
    ASSERT_LE(share.valid, share.count);
    // Real tokens come first, over the whole sequence too.
    if (share.valid < share.count) {
      ASSERT_EQ(share.start + share.valid, std::max(share.start, length));
    }
    ASSERT_LE(share.count, ceiling);
    ASSERT_GE(share.count, pad ? ceiling : length / ranks);
  }
  ASSERT_EQ(valid, length);
  ASSERT_EQ(next, pad ? ceiling * ranks : length);
}

TEST(MapTokens, EveryTokenOnceUpToSmallLengths) {
  for (uint64_t length = 1; length <= 70; ++length) {
    for (uint32_t ranks = 1; ranks <= 17; ++ranks) {
      CheckTokens(length, ranks, false);
      CheckTokens(length, ranks, true);
    }
  }
}

TEST(MapTokens, LongAndPrime) {
  for (uint64_t length :
       {uint64_t{1} << 40, (uint64_t{1} << 40) - 87, uint64_t{131071}}) {
    for (uint32_t ranks : {1, 7, 64, 1024}) {
      CheckTokens(length, ranks, false);
      CheckTokens(length, ranks, true);
    }
  }
}

TEST(MapTokens, LargerSharesFirst) {
  const std::vector<TokenShare> shares = MapTokens(11, 4, false);
  EXPECT_EQ(shares[0].count, 3u);
  EXPECT_EQ(shares[2].count, 3u);
  EXPECT_EQ(shares[3].count, 2u);
}

}  // namespace
}  // namespace ithaca::planner
