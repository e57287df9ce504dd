#include "daemon/planner/cost/memory.h"

#include <cmath>
#include <numeric>
#include <random>

#include "daemon/planner/cost/activations.h"
#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/cost/parameters.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

constexpr double kGiB = 1 << 30;

// Kernels that keep nothing twice, as Megatron's.
MemoryAssumptions Fused() {
  MemoryAssumptions assume;
  assume.fused_norm = true;
  assume.fused_activation = true;
  return assume;
}

Activations Count(const ModelDims& model, const Work& work,
                  const Strategy& strategy, const MemoryAssumptions& assume) {
  return CountActivations(
      model, work, strategy,
      FiguresOfHeads(model, strategy.tensor, strategy.ulysses), assume);
}

MemoryCost Cost(const ModelDims& model, const Work& work,
                const Strategy& strategy, const Hardware& hardware = {},
                const MemoryAssumptions& assume = {}) {
  return CostMemory(model, work, strategy,
                    FiguresOfHeads(model, strategy.tensor, strategy.ulysses),
                    hardware, assume);
}

Work Tokens(uint64_t sequence) {
  Work work;
  work.sequence = sequence;
  return work;
}

TEST(Parameters, PublishedModels) {
  EXPECT_EQ(CountParameters(Llama8B()).Total(), 8030261248);
  EXPECT_EQ(CountParameters(Llama70B()).Total(), 70553706496);
  EXPECT_EQ(CountParameters(Mixtral8x7B()).Total(), 46702792704);
}

TEST(Parameters, RanksHoldAllOfThem) {
  for (const ModelDims& model : {Llama8B(), Mixtral8x7B()}) {
    const Parameters all = CountParameters(model);
    Strategy strategy;
    strategy.pipeline = 5;
    strategy.tensor = 4;
    strategy.data_parallel = 2;
    strategy.expert_parallel = 2;
    double sum = 0;
    for (uint32_t stage = 0; stage < 5; ++stage) {
      const RankParameters rank = ParametersOfRank(all, model, strategy, stage);
      sum += 4 * (rank.shared + 2 * rank.experts);
    }
    EXPECT_NEAR(sum, all.Total(), 1);
  }
}

// arXiv 2407.12117 (MEMO), section 1: a 7B GPT and 2^20 tokens keep 4096 GB,
// 16 elements per token and layer. One of them is the layer's input.
TEST(Activations, Memo) {
  const ModelDims gpt = Gpt(4096, 32, 32, 50257);
  EXPECT_EQ(32 * Count(gpt, Tokens(1 << 20), {}, Fused()).Layer(), 4096 * kGiB);
  EXPECT_EQ(32 * Count(gpt, Tokens(1 << 20), {}, Fused()).hidden, 256 * kGiB);
  Strategy eight;
  eight.ulysses = 8;
  EXPECT_EQ(32 * Count(gpt, Tokens(1 << 20), eight, Fused()).hidden, 32 * kGiB);
}

// arXiv 2205.05198, table 2 (with sequence parallelism and selective
// recompute, 34*s*b*h/t bytes; scores 5*a*s*s*b/t more) and section 5: leaving
// the scores out saves 70 % for GPT-3 and 65 % for MT-NLG.
TEST(Activations, Korthikanti) {
  struct Row {
    uint64_t hidden;
    uint32_t heads;
    double saved;
  };
  for (const Row& row : {Row{12288, 96, 0.70}, Row{20480, 128, 0.65}}) {
    const ModelDims gpt = Gpt(row.hidden, row.heads, 1, 51200);
    Work work = Tokens(2048);
    work.batch = 4;
    Strategy tensor;
    tensor.tensor = 8;
    MemoryAssumptions assume = Fused();
    assume.dropout = true;
    assume.fused_attention = false;
    const Activations a = Count(gpt, work, tensor, assume);
    const double sbh = 2048.0 * 4 * row.hidden;
    EXPECT_EQ(a.LayerWithoutScores(), 34 * sbh / 8);
    EXPECT_EQ(a.softmax, 5.0 * row.heads * 2048 / row.hidden * sbh / 8);
    EXPECT_NEAR(a.softmax / a.Layer(), row.saved, 0.005);
    // Full recompute: the input of the layer, 2*s*b*h.
    EXPECT_EQ(a.hidden, 2 * sbh / 8);
  }
}

// arXiv 2506.13996 (ALST), sections 2 and 3.
TEST(Activations, Alst) {
  EXPECT_NEAR(32 * Count(Llama8B(), Tokens(125000), {}, {}).hidden / kGiB, 30.5,
              0.05);
  // 16K tokens: 7.65 GiB of fp32 logits, which are 4 of the 14 bytes that a
  // logit takes with its loss and gradients.
  const Activations a = Count(Llama8B(), Tokens(16000), {}, {});
  EXPECT_NEAR((a.logits - 2 * a.hidden) * 4 / 14 / kGiB, 7.65, 0.01);
  // 70B, 3M tokens on 32 accelerators, 8 per node: 915 GiB on each host.
  Strategy strategy;
  strategy.ulysses = 32;
  strategy.recompute = Recompute::kFull;
  strategy.offload_checkpoints = true;
  Hardware node;
  node.accelerators_per_node = 8;
  EXPECT_NEAR(
      Cost(Llama70B(), Tokens(3000000), strategy, node).Of(HostPart::kKept) /
          kGiB,
      915, 1);
}

// At most 3 * (1 + 2 kvh/H) * m.
TEST(Activations, AllToAll) {
  Strategy strategy;
  strategy.ulysses = 16;
  MemoryAssumptions apart;
  apart.fused_pack = false;
  const Work work = Tokens(1 << 20);
  const double m = (1 << 20) / 16 * 4096.0 * 2;
  const Activations most = Count(Llama8B(), work, strategy, apart);
  EXPECT_EQ(most.all_to_all, 3 * (1 + 2.0 * 16 / 32) * m);
  // One buffer each way: the inputs have no copies of keys and values.
  EXPECT_EQ(Count(Llama8B(), work, strategy, {}).all_to_all,
            (1 + 2.0 * 8 / 32 + 2 * (1 + 2.0 * 16 / 32)) * m);
  EXPECT_EQ(Count(Llama8B(), work, {}, {}).all_to_all, 0);
}

TEST(Activations, ChunksKeepTwoOnTheAccelerator) {
  Strategy strategy;
  strategy.ulysses = 8;
  const Work work = Tokens(1 << 20);
  const Activations whole = Count(Llama8B(), work, strategy, {});
  strategy.attention_chunk = 1 << 16;
  const Activations chunked = Count(Llama8B(), work, strategy, {});
  EXPECT_EQ(chunked.kv, whole.kv / 8);
  EXPECT_EQ(chunked.attention_work, whole.attention_work / 8);
  EXPECT_EQ(chunked.chunk_host, whole.q + whole.kv + whole.o);
  EXPECT_EQ(chunked.hidden, whole.hidden);
}

TEST(Memory, BytesPerParameter) {
  MemoryAssumptions only_state;
  only_state.buckets = 0;
  Strategy strategy;
  strategy.data_parallel = 8;
  const double parameters = 8030261248;
  auto state = [&](uint32_t zero) {
    strategy.zero_stage = zero;
    const MemoryCost cost =
        Cost(Llama8B(), Tokens(1024), strategy, {}, only_state);
    return (cost.Of(DevicePart::kParameters) + cost.Of(DevicePart::kGradients) +
            cost.Of(DevicePart::kOptimizer)) /
           parameters;
  };
  EXPECT_DOUBLE_EQ(state(0), 18);
  EXPECT_DOUBLE_EQ(state(1), 6 + 12.0 / 8);  // Megatron's distributed optimizer
  EXPECT_DOUBLE_EQ(state(2), 2 + 16.0 / 8);
  EXPECT_DOUBLE_EQ(state(3), 18.0 / 8);
  strategy.offload_optimizer = true;
  EXPECT_DOUBLE_EQ(state(3), 2.0 / 8);
}

TEST(Memory, PipelineStagesHoldMicroBatchesInFlight) {
  Strategy strategy;
  strategy.pipeline = 4;
  strategy.recompute = Recompute::kFull;
  Work work = Tokens(1 << 20);
  work.micro_batches = 8;
  const double input = Count(Llama8B(), work, strategy, {}).hidden;
  strategy.tiled_loss = true;
  const MemoryCost cost = Cost(Llama8B(), work, strategy);
  EXPECT_EQ(cost.stage, 0u);
  EXPECT_EQ(cost.Of(DevicePart::kKept), 8 * 4 * input);
  work.micro_batches = 2;
  EXPECT_EQ(Cost(Llama8B(), work, strategy).Of(DevicePart::kKept),
            8 * 2 * input);
  // Logits make the last stage the fullest.
  strategy.tiled_loss = false;
  const MemoryCost loss = Cost(Llama8B(), work, strategy);
  EXPECT_EQ(loss.stage, 3u);
  EXPECT_EQ(loss.moment, Moment::kLoss);
}

TEST(Memory, SaysWhatBinds) {
  Strategy strategy;
  strategy.ulysses = 8;
  strategy.zero_stage = 3;
  strategy.recompute = Recompute::kFull;
  strategy.offload_checkpoints = true;
  strategy.tiled_loss = true;
  Hardware hardware;
  const MemoryCost unknown =
      Cost(Llama8B(), Tokens(1 << 20), strategy, hardware);
  EXPECT_FALSE(unknown.device_margin.has_value());
  EXPECT_EQ(unknown.binding, Binding::kNone);
  EXPECT_EQ(unknown.tightest, Binding::kNone);
  hardware.accelerators_per_node = 8;
  hardware.memory_bytes = uint64_t{80} << 30;
  hardware.host_memory_bytes = uint64_t{1} << 30;
  const MemoryCost host = Cost(Llama8B(), Tokens(1 << 20), strategy, hardware);
  EXPECT_EQ(host.binding, Binding::kHost);
  EXPECT_EQ(*host.host_margin, kGiB - host.host);
  EXPECT_EQ(host.tightest, Binding::kHost);
  hardware.host_memory_bytes = uint64_t{4} << 40;
  const MemoryCost fits = Cost(Llama8B(), Tokens(1 << 20), strategy, hardware);
  EXPECT_EQ(fits.binding, Binding::kNone);
  EXPECT_EQ(fits.tightest, Binding::kDevice);
  hardware.memory_bytes = uint64_t{8} << 30;
  EXPECT_EQ(Cost(Llama8B(), Tokens(1 << 20), strategy, hardware).binding,
            Binding::kDevice);
}

Strategy RandomStrategy(std::mt19937_64& random) {
  Strategy s;
  s.data_parallel = 1u << random() % 3;
  s.pipeline = 1 + random() % 4;
  s.ring = 1 + random() % 3;
  s.tensor = 1u << random() % 3;
  s.ulysses = 1 + random() % (32 / s.tensor);
  s.expert_parallel = random() % 2 == 0 ? 1 : s.data_parallel;
  s.token_order = static_cast<TokenOrder>(random() % 3);
  s.zero_stage = random() % 4;
  s.recompute = static_cast<Recompute>(random() % 3);
  s.offload_optimizer = random() % 2;
  s.offload_parameters = random() % 2;
  s.offload_checkpoints = random() % 2;
  s.tiled_mlp = random() % 2;
  s.tiled_loss = random() % 2;
  s.attention_chunk = random() % 2 == 0 ? 0 : 1 + random() % 100000;
  return s;
}

TEST(Memory, PartsSumAndNothingFallsAsTheSequenceGrows) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 5000; ++i) {
    const ModelDims model = random() % 2 == 0 ? Llama8B() : Mixtral8x7B();
    const Strategy s = RandomStrategy(random);
    MemoryAssumptions assume;
    assume.fused_attention = random() % 2;
    assume.fused_norm = random() % 2;
    assume.fused_pack = random() % 2;
    assume.expanded_kv = random() % 2;
    Work work = Tokens(1 + random() % 4000000);
    work.training = random() % 4 != 0;
    work.micro_batches = 1 + random() % 8;
    Hardware hardware;
    hardware.accelerators_per_node = 8;
    const MemoryCost a = Cost(model, work, s, hardware, assume);
    for (double part : a.device_parts) EXPECT_GE(part, 0);
    const double tolerance = 1e-9 * (a.device + a.host);
    EXPECT_NEAR(
        std::accumulate(a.device_parts.begin(), a.device_parts.end(), 0.0),
        a.device, tolerance);
    EXPECT_NEAR(std::accumulate(a.host_parts.begin(), a.host_parts.end(), 0.0),
                a.host, tolerance);
    for (double moment : a.moments) EXPECT_LE(moment, a.device);
    work.sequence += 1 + random() % 100000;
    const MemoryCost b = Cost(model, work, s, hardware, assume);
    EXPECT_GE(b.device, a.device - tolerance);
    EXPECT_GE(b.host, a.host - tolerance);
  }
}

TEST(Memory, SentencesNameTheFigures) {
  std::string all;
  for (const std::string& line : Sentences(MemoryAssumptions())) all += line;
  for (const char* word :
       {"2 bytes", "fused", "500000000", "1.00 GiB", "16 channels", "10 %"}) {
    EXPECT_NE(all.find(word), std::string::npos) << word << " in " << all;
  }
}

}  // namespace
}  // namespace ithaca::planner
