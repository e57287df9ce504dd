#include "daemon/planner/cost/spread.h"

#include <numeric>
#include <random>

#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

TEST(Spread, AllToAllSharesByPeers) {
  // 16 ranks: 8 in an NVLink domain, 8 in the next host of the pod.
  const LinkShares shares = SharesOfAllToAll({{7, 0, 8, 0}});
  EXPECT_DOUBLE_EQ(shares[0], 7.0 / 15);
  EXPECT_DOUBLE_EQ(shares[2], 8.0 / 15);
  EXPECT_EQ(shares[1] + shares[3], 0);
}

TEST(Spread, RingCrossesOncePerUnit) {
  // 32 ranks: hosts of 8, two hosts a pod: 28 hops inside, 2 within a pod, 2
  // between the pods.
  const LinkShares shares = SharesOfRing({{7, 0, 8, 16}});
  EXPECT_DOUBLE_EQ(shares[0], 28.0 / 32);
  EXPECT_DOUBLE_EQ(shares[2], 2.0 / 32);
  EXPECT_DOUBLE_EQ(shares[3], 2.0 / 32);
}

TEST(Spread, OneRankHasNoLinks) {
  for (double share : SharesOfAllToAll({})) EXPECT_EQ(share, 0);
  for (double share : SharesOfRing({})) EXPECT_EQ(share, 0);
}

TEST(Spread, SharesSumToOneAndAreNoneWhereNobodyIs) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 1000; ++i) {
    // Units of units, as placements are.
    Spread spread;
    uint32_t within = 1;
    for (uint32_t& peers : spread.peers) {
      const uint32_t units = 1 + random() % 4;
      peers = within * (units - 1);
      within *= units;
    }
    if (within == 1) continue;
    for (const LinkShares& shares :
         {SharesOfAllToAll(spread), SharesOfRing(spread)}) {
      EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
      for (size_t c = 0; c < kLinkClasses; ++c) {
        EXPECT_EQ(shares[c] > 0, spread.peers[c] > 0) << c;
      }
    }
  }
}

}  // namespace
}  // namespace ithaca::planner
