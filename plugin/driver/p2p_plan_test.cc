#include "plugin/driver/p2p_plan.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace ithaca::driver {
namespace {

TEST(P2pScheduleTest, SixteenRanksGoInNcclsOrder) {
  const int kOrder[] = {0, 1, 3, 6, 10, 15, 5, 12, 4, 13, 7, 2, 14, 11, 9, 8};
  const auto rounds = P2pSchedule(0, 16);
  ASSERT_EQ(rounds.size(), 16u);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(rounds[i].send_to, kOrder[i]) << i;
}

TEST(P2pScheduleTest, EveryRoundIsAPermutationAndEveryPairMeetsOnce) {
  for (int n : {1, 2, 3, 4, 5, 7, 8, 12, 33, 64}) {
    std::vector<std::vector<P2pRound>> all;
    for (int r = 0; r < n; ++r) {
      all.push_back(P2pSchedule(r, n));
      ASSERT_EQ(all.back().size(), static_cast<size_t>(n));
      EXPECT_EQ(all.back()[0].send_to, r);
    }
    std::set<std::pair<int, int>> pairs;
    for (int round = 0; round < n; ++round) {
      for (int r = 0; r < n; ++r) {
        const int to = all[r][round].send_to;
        EXPECT_EQ(all[to][round].recv_from, r) << n << " ranks";
        pairs.insert({r, to});
      }
    }
    EXPECT_EQ(pairs.size(), static_cast<size_t>(n) * n);
  }
}

TEST(ShapeTransferTest, FollowsNcclsRules) {
  const P2pTuning tuning;
  struct Case {
    size_t bytes;
    Protocol protocol;
    int channels;
    size_t chunk;
  };
  const size_t k = 1024;
  for (const Case& c : {
           Case{0, Protocol::kLl, 1, 16 * k},
           Case{1, Protocol::kLl, 1, 16 * k},
           Case{16 * k, Protocol::kLl, 1, 16 * k},
           Case{16 * k + 1, Protocol::kSimple, 1, 32 * k},
           Case{64 * k, Protocol::kSimple, 1, 32 * k},
           Case{64 * k + 1, Protocol::kSimple, 2, 32 * k},
           Case{128 * k, Protocol::kSimple, 2, 64 * k},
           Case{1024 * k - 1, Protocol::kSimple, 2, 64 * k},
           Case{1024 * k, Protocol::kSimple, 2, 128 * k},
           Case{16384 * k, Protocol::kSimple, 2, 128 * k},
       }) {
    const TransferShape shape = ShapeTransfer(c.bytes, tuning);
    EXPECT_EQ(shape.protocol, c.protocol) << c.bytes;
    EXPECT_EQ(shape.channels, c.channels) << c.bytes;
    EXPECT_EQ(shape.chunk_bytes, c.chunk) << c.bytes;
  }
}

TEST(ShapeTransferTest, ZeroThresholdMeansNeverLl) {
  P2pTuning tuning;
  tuning.ll_threshold_bytes = 0;
  for (size_t bytes : {0, 1, 100, 100000}) {
    EXPECT_EQ(ShapeTransfer(bytes, tuning).protocol, Protocol::kSimple);
  }
}

TEST(P2pPartTest, PartsCoverTheTransferInOrder) {
  for (size_t bytes : {0, 1, 4095, 4097, 65537, 1000003}) {
    for (int parts : {1, 2, 3, 8}) {
      size_t at = 0;
      for (int i = 0; i < parts; ++i) {
        const PartBounds b = P2pPart(bytes, i, parts);
        EXPECT_EQ(b.begin, at);
        EXPECT_GE(b.end, b.begin);
        EXPECT_TRUE(b.end == bytes || b.end % 4096 == 0);
        at = b.end;
      }
      EXPECT_EQ(at, bytes);
    }
  }
}

TEST(StepsTest, ZeroBytesAreOneMessage) {
  EXPECT_EQ(StepsFor(0, 100), 1u);
  EXPECT_EQ(StepsFor(1, 100), 1u);
  EXPECT_EQ(StepsFor(100, 100), 1u);
  EXPECT_EQ(StepsFor(101, 100), 2u);
}

TEST(PipelineDepthTest, SharesSixteenSlots) {
  EXPECT_EQ(PipelineDepth(0, 1), 8);
  EXPECT_EQ(PipelineDepth(0, 2), 8);
  EXPECT_EQ(PipelineDepth(0, 3), 5);
  EXPECT_EQ(PipelineDepth(0, 7), 2);
  EXPECT_EQ(PipelineDepth(0, 8), 2);
  EXPECT_EQ(PipelineDepth(8, 8), 8);
  EXPECT_EQ(PipelineDepth(1, 1), 1);
}

}  // namespace
}  // namespace ithaca::driver
