#include "daemon/planner/sequence_split.h"

#include <string>

#include "daemon/planner/ring_balance.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

// "0+5 5+5/2 | ..." : the runs of each share.
std::string Text(const SequenceSplit& split) {
  std::string text;
  for (const TokenShare& share : split.shares) {
    if (!text.empty()) text += " | ";
    for (const TokenRun& run : share.runs) {
      if (&run != &share.runs.front()) text += " ";
      text += std::to_string(run.start) + "+" + std::to_string(run.count);
      if (run.stride > 1) text += "/" + std::to_string(run.stride);
    }
  }
  return text;
}

SequenceSplit Split(uint64_t length, uint32_t ring, uint32_t ulysses,
                    RingLayout layout, bool pad = false,
                    std::vector<uint64_t> borders = {}) {
  return SplitSequence({length, ring, ulysses, layout, pad, borders});
}

TEST(SplitSequence, WithoutARing) {
  EXPECT_EQ(Text(Split(10, 1, 4, RingLayout::kContiguous)),
            "0+3 | 3+3 | 6+2 | 8+2");
  const SequenceSplit padded =
      Split(5, 1, 4, RingLayout::kContiguous, /*pad=*/true);
  EXPECT_EQ(Text(padded), "0+2 | 2+2 | 4+2 | 6+2");
  EXPECT_EQ(padded.padded_length, 8u);
  EXPECT_EQ(padded.shares[2].valid, 1u);
  EXPECT_EQ(padded.shares[3].valid, 0u);
}

// Pieces r and 2R-1-r, split in order over Ulysses: the cuts of yunchang.
TEST(SplitSequence, Zigzag) {
  EXPECT_EQ(Text(Split(16, 2, 1, RingLayout::kZigzag)), "0+4 12+4 | 4+8");
  EXPECT_EQ(Text(Split(16, 2, 2, RingLayout::kZigzag)),
            "0+4 | 12+4 | 4+4 | 8+4");
  EXPECT_EQ(Text(Split(17, 2, 2, RingLayout::kZigzag)),
            "0+5 | 13+4 | 5+4 | 9+4");
  const SequenceSplit padded =
      Split(17, 2, 2, RingLayout::kZigzag, /*pad=*/true);
  EXPECT_EQ(padded.padded_length, 24u);
  EXPECT_EQ(Text(padded), "0+6 | 18+6 | 6+6 | 12+6");
  EXPECT_EQ(padded.shares[1].valid, 0u);
  EXPECT_EQ(padded.shares[3].valid, 5u);
}

TEST(SplitSequence, Striped) {
  EXPECT_EQ(Text(Split(10, 3, 1, RingLayout::kStriped)),
            "0+4/3 | 1+3/3 | 2+3/3");
  EXPECT_EQ(Text(Split(10, 3, 2, RingLayout::kStriped)),
            "0+2/3 | 6+2/3 | 1+2/3 | 7+1 | 2+2/3 | 8+1");
}

// Zigzag in each document; its remainder goes on where the last one stopped.
TEST(SplitSequence, Packed) {
  EXPECT_EQ(Text(Split(12, 2, 1, RingLayout::kPacked, false, {0, 4, 12})),
            "0+1 3+3 10+2 | 1+2 6+4");
  const SequenceSplit padded =
      Split(7, 2, 1, RingLayout::kPacked, /*pad=*/true, {0, 3, 7});
  EXPECT_EQ(padded.padded_length, 8u);
  ASSERT_EQ(padded.documents.size(), 2u);
  EXPECT_EQ(padded.documents[1].start, 4u);
  EXPECT_EQ(padded.shares[0].valid, 3u);
  EXPECT_EQ(padded.shares[1].valid, 4u);
}

TEST(ImbalanceOf, CausalRings) {
  const auto of = [](RingLayout layout, AttentionMask mask) {
    return ImbalanceOf(Split(1 << 12, 4, 2, layout), mask, 1);
  };
  // The last of four contiguous parts has 7/4 of the mean, a token aside.
  EXPECT_NEAR(of(RingLayout::kContiguous, AttentionMask::kCausal), 1.75, 1e-3);
  EXPECT_EQ(of(RingLayout::kZigzag, AttentionMask::kCausal), 1.0);
  EXPECT_NEAR(of(RingLayout::kStriped, AttentionMask::kCausal), 1.0, 1e-3);
  EXPECT_EQ(of(RingLayout::kContiguous, AttentionMask::kFull), 1.0);
  EXPECT_EQ(of(RingLayout::kContiguous, AttentionMask::kSlidingWindow), 1.0);
}

}  // namespace
}  // namespace ithaca::planner
