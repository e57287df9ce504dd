#include "daemon/planner/cost/max_sequence.h"

#include <random>

#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

TEST(MaxSequence, FitsAndTheNextDoesNot) {
  std::mt19937_64 random(TestSeed());
  const ModelDims model = Llama8B();
  for (int i = 0; i < 1000; ++i) {
    Strategy s;
    s.ulysses = 1 + random() % 32;
    s.ring = 1 + random() % 4;
    s.zero_stage = 3;
    s.recompute = static_cast<Recompute>(random() % 3);
    s.offload_optimizer = random() % 2;
    s.offload_checkpoints = random() % 2;
    s.token_order = TokenOrder::kZigzag;
    Hardware hardware;
    hardware.memory_bytes = uint64_t{20 + random() % 100} << 30;
    hardware.host_memory_bytes = uint64_t{40 + random() % 1000} << 30;
    hardware.accelerators_per_node = 8;
    const HeadFigures heads = FiguresOfHeads(model, 1, s.ulysses);
    MemoryAssumptions assume;
    assume.index_32_bits = random() % 2;
    const uint64_t unit = GranularityOf(s);
    const MaxSequenceResult result =
        LongestSequence(model, {}, s, heads, hardware, assume, unit);
    EXPECT_EQ(result.sequence % unit, 0u);
    EXPECT_NE(result.binding, Binding::kNone);
    Work work;
    if (result.sequence > 0) {
      work.sequence = result.sequence;
      const MemoryCost fits =
          CostMemory(model, work, s, heads, hardware, assume);
      EXPECT_EQ(fits.binding, Binding::kNone);
      EXPECT_EQ(fits.device, result.memory.device);
    }
    if (result.binding == Binding::kIndex) continue;
    work.sequence = result.sequence + unit;
    EXPECT_EQ(CostMemory(model, work, s, heads, hardware, assume).binding,
              result.binding);
  }
}

TEST(MaxSequence, NothingFits) {
  Hardware hardware;
  hardware.memory_bytes = uint64_t{1} << 30;
  const MaxSequenceResult result = LongestSequence(
      Llama8B(), {}, {}, FiguresOfHeads(Llama8B(), 1, 1), hardware, {}, 1);
  EXPECT_EQ(result.sequence, 0u);
  EXPECT_EQ(result.binding, Binding::kDevice);
  EXPECT_LT(*result.memory.device_margin, 0);
}

TEST(MaxSequence, StopsAtTheMostWhenNothingBinds) {
  const MaxSequenceResult result = LongestSequence(
      Llama8B(), {}, {}, FiguresOfHeads(Llama8B(), 1, 1), {}, {}, 8, 1001);
  EXPECT_EQ(result.sequence, 1000u);
  EXPECT_EQ(result.binding, Binding::kNone);
}

TEST(MaxSequence, GranularityIsWhatRanksShare) {
  Strategy s;
  s.ulysses = 4;
  s.ring = 2;
  s.tensor = 2;
  EXPECT_EQ(GranularityOf(s), 16u);
  s.token_order = TokenOrder::kZigzag;
  EXPECT_EQ(GranularityOf(s), 32u);
  s.ring = 1;
  EXPECT_EQ(GranularityOf(s), 8u);
}

}  // namespace
}  // namespace ithaca::planner
