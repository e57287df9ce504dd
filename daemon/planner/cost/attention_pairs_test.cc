#include "daemon/planner/cost/attention_pairs.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

// Keys that query i of a document of n tokens sees.
uint64_t Seen(const Work& work, uint64_t i, uint64_t n) {
  switch (work.mask) {
    case AttentionMask::kFull:
    case AttentionMask::kBlockSparse:
      return n;
    case AttentionMask::kCausal:
      return i + 1;
    case AttentionMask::kSlidingWindow:
      return std::min(i + 1, work.window);
  }
  return 0;
}

std::vector<uint64_t> SeenByToken(const Work& work) {
  std::vector<uint64_t> seen;
  std::vector<uint64_t> lengths = work.documents;
  if (lengths.empty()) lengths = {work.sequence};
  for (uint64_t n : lengths) {
    for (uint64_t i = 0; i < n; ++i) seen.push_back(Seen(work, i, n));
  }
  return seen;
}

uint64_t Chunk(uint64_t token, uint64_t tokens, uint64_t parts) {
  const uint64_t longer = tokens % parts, each = tokens / parts;
  if (token < longer * (each + 1)) return token / (each + 1);
  return longer + (token - longer * (each + 1)) / each;
}

uint64_t RankOf(uint64_t token, const Work& work, uint32_t ring,
                TokenOrder order) {
  switch (order) {
    case TokenOrder::kContiguous:
      return Chunk(token, work.sequence, ring);
    case TokenOrder::kStriped:
      return token % ring;
    case TokenOrder::kZigzag: {
      const uint64_t chunk = Chunk(token, work.sequence, 2 * ring);
      return std::min(chunk, 2 * ring - 1 - chunk);
    }
  }
  return 0;
}

TEST(AttentionPairs, TokenByToken) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 3000; ++i) {
    Work work;
    work.sequence = 1 + random() % 120;
    work.mask = static_cast<AttentionMask>(random() % 4);
    work.window = 1 + random() % 40;
    work.density = work.mask == AttentionMask::kBlockSparse ? 0.25 : 1;
    if (random() % 2 == 0) {
      for (uint64_t left = work.sequence; left > 0;) {
        work.documents.push_back(1 + random() % left);
        left -= work.documents.back();
      }
    }
    const uint32_t ring = 1 + random() % work.sequence;
    const TokenOrder order = static_cast<TokenOrder>(random() % 3);
    SCOPED_TRACE(testing::Message()
                 << work.sequence << " tokens, " << work.documents.size()
                 << " documents, mask " << static_cast<int>(work.mask)
                 << ", window " << work.window << ", ring " << ring
                 << ", order " << static_cast<int>(order));
    const std::vector<uint64_t> seen = SeenByToken(work);
    std::vector<uint64_t> pairs(ring, 0);
    uint64_t all = 0;
    for (uint64_t t = 0; t < work.sequence; ++t) {
      pairs[RankOf(t, work, ring, order)] += seen[t];
      all += seen[t];
    }
    EXPECT_DOUBLE_EQ(AttentionPairs(work),
                     static_cast<double>(all) * work.density);
    const uint64_t most = *std::max_element(pairs.begin(), pairs.end());
    EXPECT_DOUBLE_EQ(RingImbalance(work, ring, order),
                     static_cast<double>(most) * ring / all);
  }
}

TEST(AttentionPairs, ZigzagIsEvenAndContiguousIsNot) {
  Work work;
  work.sequence = 1 << 20;
  EXPECT_EQ(RingImbalance(work, 8, TokenOrder::kZigzag), 1);
  EXPECT_NEAR(RingImbalance(work, 8, TokenOrder::kContiguous), 15.0 / 8, 1e-5);
  EXPECT_NEAR(RingImbalance(work, 8, TokenOrder::kStriped), 1, 1e-5);
}

TEST(AttentionPairs, NothingOverflows) {
  Work work;
  work.sequence = uint64_t{1} << 61;
  EXPECT_DOUBLE_EQ(AttentionPairs(work), std::ldexp(1, 121));
  work.mask = AttentionMask::kFull;
  EXPECT_DOUBLE_EQ(AttentionPairs(work), std::ldexp(1, 122));
  EXPECT_EQ(RingImbalance(work, 64, TokenOrder::kStriped), 1);
}

}  // namespace
}  // namespace ithaca::planner
