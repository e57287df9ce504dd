#include "daemon/planner/adapters/adapter.h"

#include <string>

#include "daemon/planner/adapters/mesh_words.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

JobConfig ReadOk(Framework framework, const std::string& text,
                 const ReadOptions& options = {}) {
  const auto config = ReadJobConfig(framework, text, options);
  EXPECT_TRUE(config.ok()) << config.status() << "\n" << text;
  return config.ok() ? *config : JobConfig();
}

std::string WriteOk(const JobConfig& config) {
  const Worded worded = WordJobConfig(config, nullptr);
  EXPECT_THAT(worded.refusals, IsEmpty()) << worded.refusals[0].reason;
  return worded.wording.config;
}

void ExpectRefused(Framework framework, const std::string& text,
                   const std::string& problem) {
  const auto config = ReadJobConfig(framework, text, {});
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(problem));
}

TEST(DeepSpeed, Reads) {
  const JobConfig config = ReadOk(Framework::kDeepSpeed, R"({
      "sequence_parallel_size": 4, "data_parallel_size": 2,
      "train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 3,
      "bf16": {"enabled": true},
      "zero_optimization": {"stage": 3, "overlap_comm": true,
                            "offload_optimizer": {"device": "cpu"}},
      "gradient_clipping": "auto"})");
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.data_parallel, 2u);
  EXPECT_EQ(config.strategy.zero_stage, 3u);
  EXPECT_TRUE(config.strategy.offload_optimizer);
  EXPECT_FALSE(config.strategy.offload_parameters);
  EXPECT_EQ(config.work.micro_batches, 3u);
  EXPECT_THAT(
      NotUnderstood(config),
      ElementsAre("zero_optimization.overlap_comm", "gradient_clipping"));
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("\"overlap_comm\": true"));
  EXPECT_THAT(text, HasSubstr("\"gradient_clipping\": \"auto\""));
  const JobConfig again = ReadOk(Framework::kDeepSpeed, text);
  EXPECT_TRUE(SameStrategy(again.strategy, config.strategy));
  EXPECT_EQ(again.work.micro_batches, 3u);
}

TEST(DeepSpeed, NamesTheKeyAtFault) {
  const Framework f = Framework::kDeepSpeed;
  ExpectRefused(f, R"({"zero_optimization": {"stage": "three"}})",
                "ds_config.zero_optimization.stage: is \"three\"; write a "
                "whole number between 0 and 3");
  ExpectRefused(f, R"({"sequence_parallel_size": 0})",
                "ds_config.sequence_parallel_size: is 0");
  ExpectRefused(f, R"({"sequence_parallel_size": -4})", "is -4");
  ExpectRefused(f, R"({"sequence_parallel_size": 1e300})", "is 1e+300");
  ExpectRefused(f, R"({"sequence_parallel_size": 18446744073709551616})",
                "sequence_parallel_size");
  ExpectRefused(f, R"({"sequence_parallel_size": true})", "is true");
  ExpectRefused(f, R"({"bf16": {"enabled": 1}})", "write true or false");
  ExpectRefused(
      f, R"({"sequence_parallel_size": 65536, "data_parallel_size": 65536})",
      "more than 65536 ranks");
  ExpectRefused(f, "{", "not valid JSON");
}

TEST(Alst, ReadsArcticTraining) {
  const JobConfig config = ReadOk(Framework::kAlst,
                                  "type: sft\n"
                                  "micro_batch_size: 1\n"
                                  "activation_checkpoint_cpu_offload: true\n"
                                  "tiled_mlp_compute: true\n"
                                  "sequence_parallel_size: 8\n"
                                  "deepspeed:\n"
                                  "  zero_optimization:\n"
                                  "    stage: 3\n"
                                  "    offload_optimizer:\n"
                                  "      device: cpu\n"
                                  "model:\n"
                                  "  type: \"liger\"\n"
                                  "  attn_implementation: sdpa\n"
                                  "data:\n"
                                  "  max_length: 500000\n");
  EXPECT_EQ(config.engine, Engine::kAlst);
  EXPECT_EQ(config.strategy.ulysses, 8u);
  EXPECT_EQ(config.strategy.zero_stage, 3u);
  EXPECT_EQ(config.strategy.recompute, Recompute::kFull);
  EXPECT_TRUE(config.strategy.offload_checkpoints);
  EXPECT_TRUE(config.strategy.tiled_mlp);
  EXPECT_TRUE(config.strategy.tiled_loss);
  EXPECT_EQ(config.work.sequence, 500000u);
  EXPECT_THAT(NotUnderstood(config), ElementsAre("type"));
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("type: sft"));
  EXPECT_THAT(text, HasSubstr("attn_implementation: sdpa"));
}

TEST(Megatron, ReadsOptions) {
  ReadOptions options;
  options.ranks = 128;
  const JobConfig config =
      ReadOk(Framework::kMegatron,
             "--tensor-model-parallel-size 2 --sequence-parallel \\\n"
             "--pipeline-model-parallel-size 2 --context-parallel-size 16 \\\n"
             "--hierarchical-context-parallel-sizes 8 2 --cp-comm-type "
             "a2a+p2p \\\n"
             "--use-distributed-optimizer --recompute-activations \\\n"
             "--seq-length 131072 --micro-batch-size 1 --global-batch-size 8 "
             "--bf16 --num-layers 32 --lr 1e-5",
             options);
  EXPECT_EQ(config.strategy.tensor, 2u);
  EXPECT_EQ(config.strategy.pipeline, 2u);
  EXPECT_EQ(config.strategy.ulysses, 8u);
  EXPECT_EQ(config.strategy.ring, 2u);
  EXPECT_EQ(config.strategy.data_parallel, 2u);
  EXPECT_EQ(config.strategy.token_order, TokenOrder::kZigzag);
  EXPECT_EQ(config.strategy.ring_gradients, RingGradients::kElement);
  EXPECT_EQ(config.strategy.zero_stage, 1u);
  EXPECT_EQ(config.strategy.recompute, Recompute::kSelective);
  EXPECT_EQ(config.work.sequence, 131072u);
  EXPECT_EQ(config.work.micro_batches, 4u);
  EXPECT_THAT(NotUnderstood(config), ElementsAre("num_layers", "lr"));
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("--context-parallel-size 16 \\\n"
                              "--hierarchical-context-parallel-sizes 8 2 \\\n"
                              "--cp-comm-type a2a+p2p"));
  EXPECT_THAT(text, HasSubstr("--num-layers 32"));
  EXPECT_THAT(text, HasSubstr("--lr 1e-5"));
  const JobConfig again = ReadOk(Framework::kMegatron, text, options);
  EXPECT_TRUE(SameStrategy(again.strategy, config.strategy)) << text;
  EXPECT_EQ(again.work.micro_batches, 4u);
}

TEST(Megatron, ReadsBridgeAndKeepsItsSections) {
  const JobConfig config = ReadOk(Framework::kMegatron,
                                  "model:\n"
                                  "  context_parallel_size: 4\n"
                                  "  cp_comm_type: a2a\n"
                                  "  attention_backend: flash\n"
                                  "ddp:\n"
                                  "  use_distributed_optimizer: true\n"
                                  "train:\n"
                                  "  micro_batch_size: 2\n");
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.zero_stage, 1u);
  EXPECT_EQ(config.work.batch, 2u);
  const std::string text = WriteOk(config);
  const JobConfig again = ReadOk(Framework::kMegatron, text);
  EXPECT_TRUE(SameStrategy(again.strategy, config.strategy)) << text;
  EXPECT_NE(FindSetting(again, "ddp.use_distributed_optimizer"), nullptr);
  EXPECT_NE(FindSetting(again, "model.attention_backend"), nullptr);
}

TEST(Megatron, KeepsAllGather) {
  const JobConfig config =
      ReadOk(Framework::kMegatron,
             "--context-parallel-size 4 --cp-comm-type all_gather");
  EXPECT_EQ(config.strategy.ring, 4u);
  EXPECT_THAT(WriteOk(config), HasSubstr("--cp-comm-type all_gather"));
}

TEST(Megatron, ReadsDeepSpeedsOptions) {
  const JobConfig config = ReadOk(
      Framework::kMegatron,
      "--ds-sequence-parallel-size 4 --ds-sequence-parallel-fpdt "
      "--ds-sequence-parallel-fpdt-chunk-size 32768 --seq-length 262144");
  EXPECT_EQ(config.engine, Engine::kFpdt);
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.attention_chunk, 32768u);
  EXPECT_THAT(WriteOk(config),
              HasSubstr("--ds-sequence-parallel-fpdt-chunk-size 32768"));
}

TEST(Megatron, NamesTheLineAtFault) {
  ExpectRefused(Framework::kMegatron,
                "--bf16 \\\n--context-parallel-size ${CP}\n",
                "megatron.context_parallel_size: line 2: is \"${CP}\"");
  ExpectRefused(Framework::kMegatron, "--cp-comm-type ring",
                "use one of p2p, all_gather");
}

TEST(Accelerate, Reads) {
  const JobConfig config = ReadOk(
      Framework::kAccelerate,
      "distributed_type: DEEPSPEED\n"
      "deepspeed_config:\n  zero_stage: 3\n  deepspeed_config_file: ds.json\n"
      "num_processes: 8\n"
      "parallelism_config:\n"
      "  parallelism_config_dp_replicate_size: 1\n"
      "  parallelism_config_dp_shard_size: 2\n"
      "  parallelism_config_sp_size: 4\n"
      "  parallelism_config_sp_backend: deepspeed\n"
      "  parallelism_config_sp_attn_implementation: sdpa\n");
  EXPECT_EQ(config.engine, Engine::kAlst);
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.data_parallel, 2u);
  EXPECT_EQ(config.strategy.zero_stage, 3u);
  EXPECT_EQ(config.ranks, 8u);
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("parallelism_config_sp_size: 4"));
  EXPECT_THAT(text,
              HasSubstr("parallelism_config_sp_attn_implementation: sdpa"));
  EXPECT_THAT(text, HasSubstr("deepspeed_config_file: ds.json"));
}

TEST(Accelerate, KeepsReplicas) {
  const JobConfig config = ReadOk(Framework::kAccelerate,
                                  R"({"fsdp_config": {"fsdp_version": 2},
                 "parallelism_config": {
                   "parallelism_config_dp_replicate_size": 2,
                   "parallelism_config_dp_shard_size": 4,
                   "parallelism_config_cp_size": 2}})");
  EXPECT_EQ(config.strategy.data_parallel, 8u);
  EXPECT_EQ(config.strategy.ring, 2u);
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("dp_replicate_size: 2"));
  EXPECT_THAT(text, HasSubstr("dp_shard_size: 4"));
}

TEST(Torchtitan, Reads) {
  ReadOptions options;
  options.ranks = 64;
  const JobConfig config = ReadOk(Framework::kTorchtitan,
                                  "[model]\nflavor = \"8B\"\n"
                                  "[training]\nseq_len = 32768\n"
                                  "local_batch_size = 1\n"
                                  "[parallelism]\n"
                                  "data_parallel_shard_degree = -1\n"
                                  "tensor_parallel_degree = 2\n"
                                  "context_parallel_degree = 4\n"
                                  "[activation_checkpoint]\nmode = 'full'\n",
                                  options);
  EXPECT_EQ(config.strategy.ring, 4u);
  EXPECT_EQ(config.strategy.tensor, 2u);
  EXPECT_EQ(config.strategy.data_parallel, 8u);
  EXPECT_EQ(config.strategy.zero_stage, 3u);
  EXPECT_EQ(config.strategy.recompute, Recompute::kFull);
  EXPECT_THAT(WriteOk(config), HasSubstr("flavor = '8B'"));
  ExpectRefused(Framework::kTorchtitan,
                "[parallelism]\n\ncontext_parallel_degree = '4'\n",
                "torchtitan config.parallelism.context_parallel_degree: line "
                "3: is \"4\"; write a whole number");
}

TEST(Verl, ReadsOverrides) {
  const JobConfig config =
      ReadOk(Framework::kVerl,
             "python3 -m verl.trainer.main_ppo data.max_prompt_length=2048 "
             "data.max_response_length=30720 "
             "actor_rollout_ref.actor.ulysses_sequence_parallel_size=4 "
             "actor_rollout_ref.actor.fsdp_config.optimizer_offload=True "
             "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=8192 "
             "trainer.n_gpus_per_node=8 trainer.nnodes=2");
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.data_parallel, 4u);
  EXPECT_EQ(config.work.sequence, 32768u);
  EXPECT_TRUE(config.strategy.offload_optimizer);
  const std::string text = WriteOk(config);
  EXPECT_THAT(text, HasSubstr("ppo_max_token_len_per_gpu=8192"));
  const JobConfig again = ReadOk(Framework::kVerl, text);
  EXPECT_TRUE(SameStrategy(again.strategy, config.strategy)) << text;
  EXPECT_EQ(again.work.sequence, 32768u);
}

TEST(Swift, SplitsAsSwiftDoes) {
  ReadOptions options;
  options.query_heads = 28;
  const std::string text =
      "NPROC_PER_NODE=8 swift sft --sequence_parallel_size 8 "
      "--padding_free true --deepspeed zero3_offload --max_length 65536";
  const JobConfig config = ReadOk(Framework::kSwift, text, options);
  EXPECT_EQ(config.strategy.ulysses, 4u);
  EXPECT_EQ(config.strategy.ring, 2u);
  EXPECT_EQ(config.strategy.zero_stage, 3u);
  EXPECT_TRUE(config.strategy.offload_parameters);
  EXPECT_EQ(config.strategy.data_parallel, 1u);
  EXPECT_THAT(WriteOk(config), HasSubstr("--sequence_parallel_size 8"));
}

TEST(Yunchang, WritesTheCallAndItsArguments) {
  const JobConfig config = ReadOk(
      Framework::kYunchang,
      "--ulysses_degree 8 --ring_degree 2 --use_ulysses_low false --other 3");
  EXPECT_EQ(config.strategy.hybrid_order, HybridOrder::kRingInside);
  const Worded worded = WordJobConfig(config, nullptr);
  ASSERT_THAT(worded.refusals, IsEmpty());
  EXPECT_THAT(worded.wording.script,
              Contains("set_seq_parallel_pg(8, 2, rank, world_size, "
                       "use_ulysses_low=False)"));
  EXPECT_THAT(worded.wording.config, HasSubstr("--other 3"));
}

TEST(DeviceMesh, IsInTheFrameworksOrder) {
  Strategy s;
  s.data_parallel = 2;
  s.ulysses = 8;
  s.ring = 3;
  s.tensor = 4;
  EXPECT_EQ(DeviceMeshCall(MeshOf(Framework::kMegatron, s)),
            "init_device_mesh(\"cuda\", (2, 3, 8, 4), mesh_dim_names=(\"dp\", "
            "\"cp_p2p\", \"cp_a2a\", \"tp\"))");
  s.hybrid_order = HybridOrder::kRingInside;
  EXPECT_EQ(DeviceMeshCall(MeshOf(Framework::kYunchang, s)),
            "init_device_mesh(\"cuda\", (2, 8, 3, 4), mesh_dim_names=(\"dp\", "
            "\"ulysses\", \"ring\", \"tp\"))");
  EXPECT_EQ(DeviceMeshCall(MeshOf(Framework::kVerl, Strategy())),
            "init_device_mesh(\"cuda\", (1,), mesh_dim_names=(\"sp\",))");
  // Whatever the order, all ranks are in it.
  for (int f = 0; f < kFrameworks; ++f) {
    Strategy only;
    only.data_parallel = 5;
    only.ulysses = 7;
    uint32_t product = 1;
    for (const auto& d : MeshOf(static_cast<Framework>(f), only))
      product *= d.size;
    EXPECT_EQ(product, 35u) << f;
  }
}

TEST(Word, SaysWhyAFrameworkCannotAndWhatCan) {
  Strategy s;
  s.ulysses = 16;
  s.zero_stage = 3;
  ModelDims model;
  model.query_heads = 40;
  model.kv_heads = 8;
  Work work;
  work.sequence = 65536;
  Worded worded =
      WordJobConfig(NewJobConfig(Framework::kMegatron, s, work), &model);
  ASSERT_FALSE(worded.refusals.empty());
  EXPECT_EQ(worded.refusals[0].code, "heads-not-divisible");
  EXPECT_THAT(worded.refusals[0].remedy, HasSubstr("degree of 8"));
  EXPECT_THAT(worded.refusals[0].remedy, HasSubstr("no framework"));
  s.ulysses = 40;
  worded = WordJobConfig(NewJobConfig(Framework::kMegatron, s, work), &model);
  ASSERT_FALSE(worded.refusals.empty());
  // 65536 is no multiple of 40 either, which pads elsewhere.
  EXPECT_THAT(worded.refusals[0].remedy,
              HasSubstr("can run it as it is: verl"));
  s.ulysses = 8;
  worded = WordJobConfig(NewJobConfig(Framework::kMegatron, s, work), &model);
  EXPECT_THAT(worded.refusals, IsEmpty());
}

}  // namespace
}  // namespace ithaca::planner
