#include "daemon/planner/cost/efficiency.h"

#include "daemon/planner/cost/models_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using testing::HasSubstr;

constexpr double kBalance = 989e12 / 3.35e12;

Hardware H100() {
  Hardware hardware;
  hardware.peak_flops = 989e12;
  hardware.memory_bytes_per_second = 3.35e12;
  hardware.matmul_efficiency = 0.7;
  hardware.attention_efficiency = 0.5;
  return hardware;
}

struct Job {
  ModelDims model = Llama8B();
  Work work;
  Strategy strategy;
  Hardware hardware = H100();

  Efficiency At(uint64_t tokens) {
    work.sequence = tokens;
    return EfficiencyOf(
        model, work, strategy,
        FiguresOfHeads(model, strategy.tensor, strategy.ulysses),
        static_cast<double>(tokens) / 2, hardware);
  }
};

TEST(Efficiency, IsARooflineWithoutOverlap) {
  Job job;
  job.strategy.ulysses = 4;
  job.strategy.ring = 2;
  job.work.batch = 2;
  const Efficiency e = job.At(32768);
  // 2 * 32768 / 8 tokens times a table of 4096 x 128256; 4 query heads a key.
  EXPECT_DOUBLE_EQ(
      e.head,
      0.7 / (1 + 0.7 * kBalance * (1.0 / 8192 + 1.0 / 4096 + 1.0 / 128256)));
  EXPECT_DOUBLE_EQ(e.attention,
                   0.5 / (1 + 0.5 * kBalance * 1.25 / (32768.0 / 2 / 2)));
  // All widths of a layer lie between a key's and the feed-forward block's.
  const auto at = [](double width) {
    return 0.7 / (1 + 0.7 * kBalance * (1.0 / 8192 + 1.0 / 4096 + 1.0 / width));
  };
  EXPECT_GT(e.linear, at(1024));
  EXPECT_LT(e.linear, at(14336));
}

TEST(Efficiency, OneWidthIsExact) {
  Job job;
  job.model = Gpt(4096, 32, 32, 50257);
  job.model.intermediate = 4096;
  EXPECT_NEAR(job.At(1024).linear,
              0.7 / (1 + 0.7 * kBalance * (1.0 / 1024 + 2.0 / 4096)), 1e-12);
}

TEST(Efficiency, NeverFallsWithLengthAndStaysBelowTheAsymptote) {
  for (const uint32_t degree : {1u, 2u, 8u}) {
    for (const bool tiles : {false, true}) {
      Job job;
      job.strategy.ulysses = degree;
      job.strategy.ring = degree;
      job.strategy.tensor = degree;
      job.strategy.tiled_mlp = job.strategy.tiled_loss = tiles;
      Efficiency before;
      for (uint64_t tokens = 64; tokens <= uint64_t{1} << 40; tokens *= 2) {
        const Efficiency e = job.At(tokens);
        EXPECT_GE(e.linear, before.linear) << tokens;
        EXPECT_GE(e.head, before.head) << tokens;
        EXPECT_GT(e.attention, before.attention) << tokens;
        EXPECT_LT(e.linear, 0.7);
        EXPECT_LT(e.attention, 0.5);
        before = e;
      }
      EXPECT_NEAR(before.attention, 0.5, 1e-6);
    }
  }
}

TEST(Efficiency, WhatIsCutIsSlower) {
  Job job;
  const Efficiency whole = job.At(16384);
  job.strategy.tensor = 8;
  EXPECT_LT(job.At(16384).linear, whole.linear);
  job = Job();
  job.strategy.attention_chunk = 4096;
  EXPECT_LT(job.At(16384).attention, whole.attention);
  job = Job();
  job.strategy.tiled_mlp = true;
  EXPECT_LT(job.At(16384).linear, whole.linear);
  job = Job();
  job.strategy.ring = 8;
  EXPECT_LT(job.At(16384).linear, whole.linear);
  EXPECT_LT(job.At(16384).attention, whole.attention);
}

// Eight of 128 experts: one sees a sixteenth of the tokens, or of those of all
// ranks that share it.
TEST(Efficiency, ExpertsSeeTheTokensThatComeToThem) {
  Job job;
  job.model.experts = 128;
  job.model.experts_per_token = 8;
  job.model.expert_intermediate = 1536;
  const Efficiency alone = job.At(4096);
  job.strategy.expert_parallel = 16;
  job.strategy.data_parallel = 16;
  EXPECT_LT(alone.linear, Job().At(4096).linear);
  EXPECT_GT(job.At(4096).linear, alone.linear);
}

TEST(Efficiency, WithoutMemorysRateOnlyTheAsymptotesAreKnown) {
  Job job;
  job.hardware.memory_bytes_per_second.reset();
  const Efficiency e = job.At(64);
  EXPECT_EQ(e.linear, 0.7);
  EXPECT_EQ(e.head, 0.7);
  EXPECT_EQ(e.attention, 0.5);
  EXPECT_THAT(EfficiencySentence(job.hardware, e), HasSubstr("unknown"));
  job = Job();
  EXPECT_THAT(EfficiencySentence(job.hardware, {0.61, 0.6, 0.42}),
              HasSubstr("0.610 and 0.420 here"));
}

// A mask may leave next to nothing.
TEST(Efficiency, IsAShareAtAnySize) {
  Job job;
  for (const double keys : {0.0, 1e-9, 1.0}) {
    job.work.sequence = 1;
    const Efficiency e =
        EfficiencyOf(job.model, job.work, job.strategy,
                     FiguresOfHeads(job.model, 1, 1), keys, job.hardware);
    EXPECT_GT(e.attention, 0);
    EXPECT_GT(e.linear, 0);
    EXPECT_GT(e.head, 0);
  }
}

}  // namespace
}  // namespace ithaca::planner
