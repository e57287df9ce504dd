#include "daemon/planner/cost/crossover.h"

#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/cost/traffic.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

// The ranks of 2 .. 16 that divide the key/value heads (no copies) and where
// the ring sends fewer bytes.
std::vector<uint32_t> RingFewer(uint32_t query, uint32_t kv, bool training,
                                RingGradients gradients) {
  ModelDims model = Llama8B();
  model.query_heads = query;
  model.kv_heads = kv;
  Work work;
  work.sequence = 720720;
  work.training = training;
  std::vector<uint32_t> fewer;
  for (uint32_t p = 2; p <= 16; ++p) {
    if (kv % p != 0) continue;
    Strategy ulysses, ring;
    ulysses.ulysses = p;
    ring.ring = p;
    ring.ring_gradients = gradients;
    const double a =
        CostTraffic(model, work, ulysses, FiguresOfHeads(model, 1, p))
            .UlyssesPerLayer()
            .Sum();
    const double b = CostTraffic(model, work, ring, FiguresOfHeads(model, 1, 1))
                         .RingPerLayer()
                         .Sum();
    if (b < a * (1 - 1e-12)) fewer.push_back(p);
  }
  return fewer;
}

using Ranks = std::vector<uint32_t>;

// P < 1 + 1/g; 120 key/value heads divide by 2, 3, 4, 5, 6, 8, ...
TEST(Crossover, ForwardWithoutCopies) {
  const RingGradients any = RingGradients::kFp32;
  EXPECT_EQ(RingFewer(120, 120, false, any), Ranks());
  EXPECT_EQ(RingFewer(240, 120, false, any), Ranks({2}));
  EXPECT_EQ(RingFewer(480, 120, false, any), Ranks({2, 3, 4}));
  EXPECT_EQ(RingFewer(960, 120, false, any), Ranks({2, 3, 4, 5, 6, 8}));
}

TEST(Crossover, TrainingWithoutCopies) {
  EXPECT_EQ(RingFewer(240, 120, true, RingGradients::kElement), Ranks());
  EXPECT_EQ(RingFewer(480, 120, true, RingGradients::kElement), Ranks({2}));
  EXPECT_EQ(RingFewer(960, 120, true, RingGradients::kElement),
            Ranks({2, 3, 4, 5}));
  EXPECT_EQ(RingFewer(480, 120, true, RingGradients::kFp32), Ranks());
  EXPECT_EQ(RingFewer(960, 120, true, RingGradients::kFp32), Ranks({2, 3}));
}

// The same, where the search asks: 8 key/value heads also stand for copies at
// the ranks that do not divide them.
TEST(Crossover, OfAModel) {
  Work work;
  work.sequence = 1;
  work.training = false;
  const ModelDims model = Llama8B();
  const Crossover forward =
      RingAgainstUlysses(model, work, RingGradients::kFp32);
  EXPECT_EQ(forward.ring_up_to, 5u);  // 4, and 5 because of copies
  work.training = true;
  EXPECT_EQ(RingAgainstUlysses(model, work, RingGradients::kFp32).ring_up_to,
            1u);
  EXPECT_EQ(RingAgainstUlysses(model, work, RingGradients::kElement).ring_up_to,
            2u);
  EXPECT_EQ(
      RingAgainstUlysses(model, work, RingGradients::kElement, 1).ring_up_to,
      1u);
  // As many query as key/value heads: never, and no tie at 2 in training.
  ModelDims plain = model;
  plain.kv_heads = plain.query_heads;
  work.training = false;
  const Crossover tie = RingAgainstUlysses(plain, work, RingGradients::kFp32);
  EXPECT_EQ(tie.ring_up_to, 1u);
  EXPECT_TRUE(tie.equal_next);
}

}  // namespace
}  // namespace ithaca::planner
