#include "plugin/rails/loss_memory.h"

#include <gtest/gtest.h>

namespace ithaca::rails {
namespace {

constexpr int64_t kMs = 1'000'000;

// Loses often at `now_ns`; returns how long the path is narrow from there on.
int64_t NarrowFor(LossMemory* memory, int64_t now_ns) {
  for (int i = 0; i < 4; ++i) memory->OnLoss(now_ns);
  EXPECT_TRUE(memory->narrow(now_ns));
  int64_t end_ns = now_ns;
  while (memory->narrow(end_ns)) end_ns += 10 * kMs;
  return end_ns - now_ns;
}

TEST(LossMemory, ALossNowAndThenIsNoMatter) {
  LossMemory memory;
  for (int64_t now_ns = kMs; now_ns < 100'000 * kMs; now_ns += 2'000 * kMs) {
    memory.OnLoss(now_ns);
    EXPECT_FALSE(memory.narrow(now_ns)) << now_ns;
  }
}

TEST(LossMemory, OftenIsNarrowForAWhile) {
  LossMemory memory;
  const int64_t span_ns = NarrowFor(&memory, 5'000 * kMs);
  EXPECT_GT(span_ns, 1'000 * kMs);
  EXPECT_LT(span_ns, 60'000 * kMs);
}

TEST(LossMemory, ALossMeanwhileProlongsIt) {
  LossMemory memory;
  const int64_t span_ns = NarrowFor(&memory, kMs);
  memory.OnLoss(span_ns / 2);
  EXPECT_TRUE(memory.narrow(span_ns + span_ns / 4));
}

TEST(LossMemory, AgainSoonAfterItWasLetGoIsForLongerButNotForEver) {
  LossMemory memory;
  int64_t now_ns = kMs, longest_ns = 0, first_ns = 0;
  for (int i = 0; i < 12; ++i) {
    const int64_t span_ns = NarrowFor(&memory, now_ns);
    if (i == 0) first_ns = span_ns;
    EXPECT_GE(span_ns, longest_ns);
    longest_ns = span_ns;
    now_ns += span_ns + 100 * kMs;
  }
  EXPECT_GT(longest_ns, 2 * first_ns);
  EXPECT_LT(longest_ns, 600'000 * kMs);
  // Long after, it is forgotten.
  EXPECT_LE(NarrowFor(&memory, now_ns + 10 * longest_ns), first_ns + 10 * kMs);
}

}  // namespace
}  // namespace ithaca::rails
