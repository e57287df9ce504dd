#include "daemon/planner/cost/traffic.h"

#include <cmath>
#include <random>
#include <tuple>

#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/head_map.h"
#include "daemon/planner/test_seed.h"
#include "daemon/planner/traffic.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

constexpr double kMiB = 1 << 20;

Work Tokens(uint64_t sequence) {
  Work work;
  work.sequence = sequence;
  return work;
}

TrafficCost Cost(const ModelDims& model, const Work& work,
                 const Strategy& strategy) {
  return CostTraffic(model, work, strategy,
                     FiguresOfHeads(model, strategy.tensor, strategy.ulysses));
}

Strategy Over(uint32_t ulysses, uint32_t ring, uint32_t tensor) {
  Strategy strategy;
  strategy.ulysses = ulysses;
  strategy.ring = ring;
  strategy.tensor = tensor;
  return strategy;
}

// Llama-3-8B, 131072 tokens, bf16, forward, one layer.
TEST(Traffic, PublishedLayer) {
  struct Row {
    uint32_t ranks;
    double ulysses, ring, tensor;
  };
  const ModelDims model = Llama8B();
  const Work work = Tokens(131072);
  for (const Row& row : {Row{2, 640, 256, 2048},
                         {4, 480, 384, 3072},
                         {8, 280, 448, 3584},
                         {16, 180, 480, 3840},
                         {32, 124, 496, 3968}}) {
    SCOPED_TRACE(row.ranks);
    EXPECT_EQ(
        Cost(model, work, Over(row.ranks, 1, 1)).UlyssesPerLayer().forward,
        row.ulysses * kMiB);
    EXPECT_EQ(Cost(model, work, Over(1, row.ranks, 1)).RingPerLayer().forward,
              row.ring * kMiB);
    Strategy tensor = Over(1, 1, row.ranks);
    HeadFigures heads;  // 32 tensor ranks share 8 key/value heads
    EXPECT_EQ(CostTraffic(model, work, tensor, heads)
                  .Of(TrafficPart::kTensor)
                  .once.forward,
              row.tensor * kMiB);
  }
}

TEST(Traffic, HybridIsUlyssesOverARingsPart) {
  const ModelDims model = Llama8B();
  const TrafficCost cost = Cost(model, Tokens(131072), Over(8, 4, 1));
  // b*S*d*e/P * (2H + 2 kvh) * (U-1)/U
  EXPECT_EQ(cost.UlyssesPerLayer().forward,
            131072.0 * 128 * 2 / 32 * (64 + 16) * 7 / 8);
  // 2*b*(S/R)*(kvh/U)*d*e*(R-1), and R hops of fp32 gradients.
  EXPECT_EQ(cost.RingPerLayer().forward, 2.0 * 131072 / 4 * 128 * 2 * 3);
  EXPECT_EQ(cost.Of(TrafficPart::kRingGradients).once.backward,
            2.0 * 131072 / 4 * 128 * 4 * 4);
}

TEST(Traffic, PassesOfTraining) {
  const ModelDims model = Llama8B();
  Work work = Tokens(65536);
  Strategy strategy = Over(4, 2, 2);
  strategy.recompute = Recompute::kFull;
  strategy.ring_gradients = RingGradients::kElement;
  const TrafficCost full = Cost(model, work, strategy);
  const PassBytes ulysses = full.UlyssesPerLayer();
  EXPECT_EQ(ulysses.backward, ulysses.forward);
  EXPECT_EQ(ulysses.recompute, ulysses.forward);
  const PassBytes tensor = full.Of(TrafficPart::kTensor).once;
  EXPECT_EQ(tensor.Sum(), 3.5 * tensor.forward);  // 10 and the 4 again
  EXPECT_EQ(full.Of(TrafficPart::kRingGradients).once.backward,
            2 * full.Of(TrafficPart::kRingKv).once.forward);  // 2 hops, not 1
  strategy.recompute = Recompute::kSelective;
  EXPECT_EQ(Cost(model, work, strategy).UlyssesPerLayer().recompute, 0);
  work.training = false;
  const TrafficCost forward = Cost(model, work, strategy);
  EXPECT_EQ(forward.UlyssesPerLayer().Sum(), ulysses.forward);
  EXPECT_EQ(forward.Of(TrafficPart::kGradients).PerStep(), 0);
}

// A step of a whole group, message by message, as the plan counts them.
TEST(Traffic, SumsMatchTheMessagesToTheByte) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    ModelDims model = Llama8B();
    model.kv_heads = 1 + random() % 8;
    model.query_heads = model.kv_heads * (1 + random() % 6);
    model.head_size = 1 + random() % 200;
    const uint32_t ranks = 1 + random() % model.query_heads;
    Work work = Tokens(uint64_t{ranks} * (1 + random() % 5000));
    work.batch = 1 + random() % 3;
    work.element_bytes = 1u << (random() % 3);
    SCOPED_TRACE(testing::Message()
                 << model.query_heads << "/" << model.kv_heads << " at "
                 << ranks << ", " << work.sequence << " tokens");

    std::vector<Member> members;
    for (const HeadShare& s :
         MapHeads(model.query_heads, model.kv_heads, ranks)) {
      members.push_back(
          {work.batch * work.sequence / ranks, s.count, s.kv_count});
    }
    const Exchange exchange(members, model.head_size, work.element_bytes, true);
    double forward = 0, backward = 0, busiest = 0;
    for (size_t r = 0; r < members.size(); ++r) {
      const v1::Traffic sent = exchange.Sent(r);
      forward += static_cast<double>(sent.forward_wire_bytes());
      backward += static_cast<double>(sent.backward_wire_bytes());
      busiest =
          std::max({busiest, static_cast<double>(sent.forward_wire_bytes()),
                    static_cast<double>(sent.backward_wire_bytes())});
    }
    const TrafficCost cost = Cost(model, work, Over(ranks, 1, 1));
    const PassBytes mean = cost.UlyssesPerLayer();
    EXPECT_EQ(std::round(mean.forward * ranks), forward);
    EXPECT_EQ(std::round(mean.backward * ranks), backward);
    EXPECT_NEAR(mean.forward * ranks, forward, 1e-9 * forward + 1e-6);
    // No rank moves more than the worst of each tensor together.
    double worst = 0;
    for (TrafficPart part : {TrafficPart::kUlyssesQ, TrafficPart::kUlyssesK,
                             TrafficPart::kUlyssesV, TrafficPart::kUlyssesO}) {
      worst += cost.Of(part).once.forward * cost.Of(part).worst;
      EXPECT_GE(cost.Of(part).worst, 1 - 1e-12);
    }
    EXPECT_GE(worst * (1 + 1e-12), busiest);
  }
}

TEST(Traffic, ZeroStages) {
  const ModelDims model = Llama8B();
  Work work = Tokens(8192);
  work.micro_batches = 3;
  Strategy strategy = Over(4, 1, 1);
  strategy.data_parallel = 2;
  const double moved = 8030261248.0 * 7 / 8 * 2;  // bytes, all parameters
  auto of = [&](uint32_t stage) {
    strategy.zero_stage = stage;
    const TrafficCost cost = Cost(model, work, strategy);
    return std::make_pair(cost.Of(TrafficPart::kParameters).PerStep(),
                          cost.Of(TrafficPart::kGradients).PerStep());
  };
  EXPECT_EQ(of(0), std::make_pair(0.0, 2 * moved));
  EXPECT_EQ(of(1), std::make_pair(moved, moved));
  EXPECT_EQ(of(2), std::make_pair(moved, 3 * moved));
  EXPECT_EQ(of(3), std::make_pair(6 * moved, 3 * moved));
}

// 3 * params_layer * e * (D-1)/D; a plain block has 12 d^2 parameters.
TEST(Traffic, ZeroThreePerLayer) {
  ModelDims model = Gpt(4096, 32, 32, 1);
  Strategy strategy = Over(16, 1, 1);
  strategy.zero_stage = 3;
  const TrafficCost cost = Cost(model, Tokens(8192), strategy);
  const double d2 = 4096.0 * 4096;
  EXPECT_NEAR((cost.Of(TrafficPart::kParameters).once.Sum() +
               cost.Of(TrafficPart::kGradients).once.Sum()) /
                  2 / (15.0 / 16) / d2,
              3 * 12, 0.01);
}

TEST(Traffic, Experts) {
  const ModelDims model = Mixtral8x7B();
  Strategy strategy = Over(4, 1, 2);
  strategy.expert_parallel = 4;
  const TrafficCost cost = Cost(model, Tokens(65536), strategy);
  const double sent = 65536.0 / 4 / 2 * 2 * 4096 * 2 * 3 / 4;
  EXPECT_EQ(cost.Of(TrafficPart::kExpertDispatch).once.forward, sent);
  EXPECT_EQ(cost.Of(TrafficPart::kExpertCombine).once.backward, sent);
  EXPECT_EQ(Cost(Llama8B(), Tokens(65536), Over(4, 1, 1))
                .Of(TrafficPart::kExpertDispatch)
                .PerStep(),
            0);
}

TEST(Traffic, PipelineSendsOncePerMicroBatch) {
  Work work = Tokens(65536);
  work.micro_batches = 5;
  Strategy strategy = Over(2, 1, 4);
  strategy.pipeline = 4;
  const PartTraffic stage =
      Cost(Llama8B(), work, strategy).Of(TrafficPart::kPipeline);
  EXPECT_EQ(stage.once.forward, 65536.0 / 2 / 4 * 4096 * 2);
  EXPECT_EQ(stage.PerStep(), 10 * stage.once.forward);
}

TEST(Traffic, ByLinkSumsToTheStep) {
  Work work = Tokens(65536);
  Strategy strategy = Over(8, 2, 1);
  strategy.data_parallel = 2;
  strategy.zero_stage = 3;
  const TrafficCost cost = Cost(Llama8B(), work, strategy);
  Placement where;
  where.Of(Group::kUlysses) = {{7, 0, 0, 0}};
  where.Of(Group::kRing) = {{0, 0, 1, 0}};
  where.Of(Group::kData) = {{7, 0, 8, 16}};
  const auto by_link = cost.PerStepByLink(where);
  const double data = cost.Of(TrafficPart::kParameters).PerStep() +
                      cost.Of(TrafficPart::kGradients).PerStep();
  EXPECT_DOUBLE_EQ(by_link[0],
                   cost.UlyssesPerLayer().Sum() * 32 + data * 28 / 32);
  EXPECT_DOUBLE_EQ(by_link[2], cost.RingPerLayer().Sum() * 32 + data * 2 / 32);
  EXPECT_DOUBLE_EQ(by_link[3], data * 2 / 32);
  EXPECT_NEAR(by_link[0] + by_link[1] + by_link[2] + by_link[3], cost.PerStep(),
              1e-9 * cost.PerStep());
}

TEST(Traffic, AllGatherHasTheBytesOfTheRing) {
  const PassBytes gather = AllGatherAttention(
      Llama8B(), Tokens(131072), 8, RingGradients::kElement, Recompute::kFull);
  EXPECT_EQ(gather.forward, 448 * kMiB);
  EXPECT_EQ(gather.backward, 2 * 448 * kMiB);
  EXPECT_EQ(gather.recompute, 448 * kMiB);
}

TEST(Traffic, NamesAreDistinct) {
  for (size_t a = 0; a < kTrafficParts; ++a) {
    for (size_t b = 0; b < a; ++b) {
      EXPECT_STRNE(NameOf(static_cast<TrafficPart>(a)),
                   NameOf(static_cast<TrafficPart>(b)));
    }
  }
}

}  // namespace
}  // namespace ithaca::planner
