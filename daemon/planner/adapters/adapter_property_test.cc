// Random strategies through every framework's words and back.
#include <random>
#include <string>

#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/check.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

constexpr int kRounds = 3000;

class Source {
 public:
  explicit Source(uint64_t seed) : random_(seed) {}
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  uint32_t Degree() { return OneIn(2) ? 1 : 1 + Below(9); }

  Strategy NextStrategy() {
    Strategy s;
    s.data_parallel = Degree();
    s.pipeline = OneIn(4) ? Degree() : 1;
    s.ring = OneIn(2) ? Degree() : 1;
    s.ulysses = Degree();
    s.tensor = OneIn(3) ? Degree() : 1;
    s.hybrid_order =
        OneIn(4) ? HybridOrder::kRingInside : HybridOrder::kUlyssesInside;
    s.token_order = static_cast<TokenOrder>(OneIn(3) ? Below(3) : 1);
    s.ring_gradients = static_cast<RingGradients>(Below(2));
    s.zero_stage = Below(4);
    s.recompute = static_cast<Recompute>(Below(3));
    s.offload_optimizer = OneIn(4);
    s.offload_parameters = s.offload_optimizer || OneIn(8);
    s.offload_checkpoints = OneIn(4);
    s.tiled_mlp = OneIn(8);
    s.tiled_loss = OneIn(8);
    return Canonical(s);
  }

  Work NextWork(const Strategy& s) {
    Work work;
    work.sequence = uint64_t{2} * s.ring * s.ulysses * (1 + Below(1000));
    work.batch = 1 + Below(4);
    work.micro_batches = 1 + Below(4);
    return work;
  }

 private:
  std::mt19937_64 random_;
};

// What the framework can be told of it is said, and read back as the same;
// what it cannot is refused with a code, a reason and a remedy.
TEST(Adapters, RoundTripRandomStrategies) {
  Source source(TestSeed());
  int same[kConfigurations] = {};
  int refused[kConfigurations] = {};
  for (int round = 0; round < kRounds; ++round) {
    for (int f = 0; f < kConfigurations; ++f) {
      const Adapter& adapter = AdapterOf(static_cast<Framework>(f));
      const Strategy strategy = source.NextStrategy();
      Work work = source.NextWork(strategy);
      JobConfig config = NewJobConfig(adapter.framework, strategy, work);
      if (!LimitsOf(config.engine).trains) config.work.training = false;
      ModelDims model;
      model.query_heads = strategy.ulysses * strategy.tensor;
      model.kv_heads = model.query_heads;
      const Worded worded = WordJobConfig(config, &model);
      if (!worded.refusals.empty()) {
        ++refused[f];
        for (const Refusal& refusal : worded.refusals) {
          ASSERT_FALSE(refusal.code.empty());
          ASSERT_FALSE(refusal.reason.empty());
          ASSERT_FALSE(refusal.remedy.empty());
        }
        continue;
      }
      ReadOptions options;
      options.ranks = config.ranks;
      options.query_heads = model.query_heads;
      const auto again =
          ReadJobConfig(adapter.framework, worded.wording.config, options);
      ASSERT_TRUE(again.ok())
          << adapter.name() << ": " << again.status() << "\n"
          << worded.wording.config;
      const Strategy& read = again->strategy;
      ASSERT_EQ(read.ulysses, strategy.ulysses) << worded.wording.config;
      ASSERT_EQ(read.ring, strategy.ring) << worded.wording.config;
      if (!worded.wording.not_in_config.empty()) continue;
      ++same[f];
      ASSERT_TRUE(SameStrategy(Canonical(read), strategy))
          << adapter.name() << "\n"
          << worded.wording.config;
    }
  }
  for (int f = 0; f < kConfigurations; ++f) {
    const char* name = AdapterOf(static_cast<Framework>(f)).name();
    EXPECT_GT(same[f], 10) << name;
    EXPECT_GT(refused[f], 10) << name;
  }
}

// Texts that a mutation starts from, one per framework.
const char* const kTexts[kConfigurations] = {
    R"({"sequence_parallel_size": 4, "data_parallel_size": 2, "bf16":
        {"enabled": true}, "zero_optimization": {"stage": 3,
        "offload_param": {"device": "cpu"}}, "x": [1, 2, {"y": null}]})",
    "sequence_parallel_size: 8\nmodel:\n  attn_implementation: sdpa\n"
    "deepspeed:\n  zero_optimization: {stage: 3}\ndata: {max_length: 4096}\n",
    "--tensor-model-parallel-size 2 --context-parallel-size 16 --cp-comm-type "
    "a2a+p2p --hierarchical-context-parallel-sizes 8 2 --seq-length 4096 "
    "--global-batch-size 64 --expert-model-parallel-size 2 --window-size 1,0",
    "num_processes: 16\nfsdp_config: {fsdp_version: 2}\nparallelism_config:\n"
    "  parallelism_config_cp_size: 2\n  parallelism_config_dp_shard_size: 8\n"
    "  parallelism_config_sp_seq_length: 512\n",
    "[parallelism]\ncontext_parallel_degree = 4\ndata_parallel_shard_degree = "
    "-1\n[training]\nseq_len = 8192\n[activation_checkpoint]\nmode = "
    "\"full\"\n",
    "actor_rollout_ref.actor.ulysses_sequence_parallel_size=4 "
    "data.max_prompt_length=100 data.max_response_length=1000 "
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=64 "
    "trainer.n_gpus_per_node=8",
    "NPROC_PER_NODE=8 swift sft --sequence_parallel_size 6 --deepspeed zero2 "
    "--max_length 1024 --packing true",
    "--ulysses_degree 8 --ring_degree 8 --use_ulysses_low false --seq_len 100",
    "--ulysses-degree 2 --ring-degree 4 --num-gpus 8 --sp-degree 8",
    "--ulysses-sequence-parallel-size 4 --max-num-seqs 100 "
    "--tensor-parallel-size 2",
    "ici_context_parallelism=4 context_parallel_strategy=ulysses "
    "max_target_length=100 dropout_rate=0.1",
};

// Whatever is done to a good text: a job within bounds, which every rule can
// look at, or an error that begins with the text's name.
TEST(Adapters, SurviveMutations) {
  std::mt19937_64 random(TestSeed());
  static const std::string kBits[] = {
      "0",   "-1",   "65536", "65537", "18446744073709551616",
      "1e9", "true", "'",     "\"",    "{",
      "}",   "[",    "]",     "\n",    "--",
      "=",   ":",    "null",  "auto",  " ",
      "7"};
  ModelDims model;
  model.hidden = 4096;
  model.query_heads = 40;
  model.kv_heads = 8;
  model.head_size = 128;
  model.layers = 32;
  int read = 0;
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    for (int f = 0; f < kConfigurations; ++f) {
      const Adapter& adapter = AdapterOf(static_cast<Framework>(f));
      std::string text = kTexts[f];
      const int edits = 1 + static_cast<int>(random() % 3);
      for (int i = 0; i < edits; ++i) {
        const size_t at = random() % (text.size() + 1);
        const size_t cut = random() % 3;
        text.replace(at, std::min(cut, text.size() - at),
                     kBits[random() % std::size(kBits)]);
      }
      CheckContext context;
      context.read.ranks = static_cast<uint32_t>(1 + random() % 64);
      if (random() % 2 == 0) context.model = &model;
      context.sequence = random() % 3 == 0 ? 0 : random() % 100000;
      context.ranks_per_node = random() % 9;
      const auto check = CheckConfig(adapter.framework, text, context);
      if (!check.ok()) {
        ++refused;
        ASSERT_EQ(check.status().code(), absl::StatusCode::kInvalidArgument);
        ASSERT_EQ(check.status().message().substr(
                      0, std::string(adapter.what).size()),
                  adapter.what)
            << check.status();
        continue;
      }
      ++read;
      const Strategy& s = check->config.strategy;
      for (const uint32_t degree :
           {s.data_parallel, s.pipeline, s.ring, s.ulysses, s.tensor}) {
        ASSERT_GE(degree, 1u);
        ASSERT_LE(degree, 65536u);
      }
      for (const ConfigFinding& finding : check->findings) {
        ASSERT_FALSE(finding.message.empty());
        ASSERT_FALSE(finding.remedy.empty());
      }
      WordJobConfig(check->config, &model);
    }
  }
  EXPECT_GT(read, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace ithaca::planner
