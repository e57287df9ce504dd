// For each rule a configuration where it applies, and one that is like it and
// sound.
//
// Used by the test of the rules alone. Constants.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CASES_FOR_TEST_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CASES_FOR_TEST_H_

#include <cstdint>
#include <vector>

#include "daemon/planner/adapters/job_config.h"

namespace ithaca::planner {

// What a configuration is for. Heads are "query/key-value"; "" is a model that
// is not known.
struct Given {
  const char* heads = "";
  uint64_t sequence = 0;
  uint32_t ranks = 0;
  uint32_t ranks_per_node = 0;
  std::vector<uint64_t> documents = {};
  const char* hugging_face = "";
  uint64_t window = 0;
  uint32_t experts = 0;
};

struct Case {
  const char* code;
  Framework framework;
  const char* bad;
  const char* good;
  Given given = {};
  // Where it is not the text but what it is for that differs.
  std::vector<Given> good_given = {};
};

inline constexpr Framework kDs = Framework::kDeepSpeed;
inline constexpr Framework kAlst = Framework::kAlst;
inline constexpr Framework kMeg = Framework::kMegatron;
inline constexpr Framework kAcc = Framework::kAccelerate;
inline constexpr Framework kTitan = Framework::kTorchtitan;
inline constexpr Framework kVerl = Framework::kVerl;
inline constexpr Framework kSwift = Framework::kSwift;
inline constexpr Framework kYun = Framework::kYunchang;
inline constexpr Framework kXdit = Framework::kXdit;
inline constexpr Framework kVllm = Framework::kVllm;
inline constexpr Framework kMax = Framework::kMaxtext;

inline constexpr char kSp8[] =
    R"({"sequence_parallel_size": 8, "data_parallel_size": 1,
        "zero_optimization": {"stage": 1},
        "seq_parallel_communication_data_type": "bf16"})";
inline constexpr char kSp4[] =
    R"({"sequence_parallel_size": 4, "data_parallel_size": 2,
        "zero_optimization": {"stage": 1},
        "seq_parallel_communication_data_type": "bf16"})";
inline constexpr char kCp4[] =
    "--context-parallel-size 4 --cp-comm-type a2a --use-distributed-optimizer";
inline constexpr char kRing4[] =
    "--context-parallel-size 4 --cp-comm-type p2p --use-distributed-optimizer";

#define VERL_ACTOR "actor_rollout_ref.actor."
#define SP_KEY "parallelism_config_"

inline const std::vector<Case>& Cases() {
  static const auto* const kCases = new std::vector<Case>{
      // --- wrong results
      {"SEQUENCE_SILENTLY_WRONG",
       kDs,
       kSp8,
       kSp8,
       {"32/32", 57826},
       {{"32/32", 57832}}},
      {"SEQUENCE_SILENTLY_WRONG",
       kYun,
       "--ulysses_degree 4 --ring_degree 2",
       "--ulysses_degree 4 --ring_degree 1",
       {"32/32", 1004}},
      {"HIERARCHICAL_SIZES_MISSING", kMeg,
       "model:\n  cp_comm_type: a2a+p2p\n  context_parallel_size: 16\n",
       "model:\n  cp_comm_type: a2a+p2p\n  context_parallel_size: 16\n"
       "  hierarchical_context_parallel_sizes: [8, 2]\n"},
      {"HEADS_ARE_FLOORED",
       kYun,
       "--ulysses_degree 8 --ring_degree 1",
       "--ulysses_degree 4 --ring_degree 2",
       {"28/28"}},
      {"KV_HEADS_ARE_FLOORED",
       kYun,
       "--ulysses_degree 8",
       "--ulysses_degree 4 --ring_degree 2",
       {"32/4"}},
      {"UNEVEN_HEADS_SHARE_ONE_COUNT",
       kDs,
       R"({"sequence_parallel_size": 4, "tensor_parallel": {"autotp_size": 2}})",
       R"({"sequence_parallel_size": 4, "tensor_parallel": {"autotp_size": 0}})",
       {"14/14"}},
      {"BATCH_SECOND_LAYOUT", kMeg,
       "--ds-sequence-parallel-size 4 --micro-batch-size 2",
       "--ds-sequence-parallel-size 4 --micro-batch-size 1"},
      {"DOCUMENTS_DO_NOT_DIVIDE",
       kMeg,
       kCp4,
       kCp4,
       {"32/8", 8192, 4, 0, {4100, 4092}},
       {{"32/8", 8192, 4, 0, {4096, 4096}}}},
      {"DOCUMENTS_DO_NOT_DIVIDE", kMeg,
       "model:\n  context_parallel_size: 4\n  packed_sequence: true\n",
       "model:\n  context_parallel_size: 4\n  packed_sequence: true\n"
       "dataset:\n  pad_seq_to_mult: 8\n"},
      {"PACKED_WITHOUT_FLASH",
       kAlst,
       "sequence_parallel_size: 4\nmodel: {attn_implementation: sdpa}\n",
       "sequence_parallel_size: 4\nmodel: {attn_implementation: "
       "flash_attention_2}\n",
       {"32/8", 8192, 4, 0, {4096, 4096}}},
      {"MEAN_OF_UNEQUAL_SHARES",
       kDs,
       kSp4,
       kSp4,
       {"32/32", 8192, 8, 0, {4096, 4096}},
       {{"32/32", 8192, 8}}},
      {"RING_MISCOMPUTES", kXdit, "--ulysses-degree 2 --ring-degree 2",
       "--ulysses-degree 4 --ring-degree 1"},
      // --- crashes
      {"DEGREES_DO_NOT_COVER_RANKS",
       kDs,
       kSp8,
       kSp8,
       {"", 0, 12},
       {{"", 0, 8}}},
      {"DEGREES_DO_NOT_COVER_RANKS",
       kMeg,
       kCp4,
       kCp4,
       {"", 0, 6},
       {{"", 0, 12}}},
      {"MORE_RANKS_THAN_HEADS",
       kAlst,
       "sequence_parallel_size: 32\n",
       "sequence_parallel_size: 16\n",
       {"16/16"}},
      {"HEADS_DO_NOT_DIVIDE",
       kVerl,
       VERL_ACTOR "ulysses_sequence_parallel_size=16",
       VERL_ACTOR "ulysses_sequence_parallel_size=40",
       {"40/8"}},
      {"HEADS_DO_NOT_DIVIDE",
       kAlst,
       "sequence_parallel_size: 8\n",
       "sequence_parallel_size: 4\n",
       {"28/4"}},
      {"HEADS_DO_NOT_DIVIDE",
       kXdit,
       "--ulysses-degree 4 --tensor-parallel-degree 4",
       "--ulysses-degree 4 --tensor-parallel-degree 2",
       {"24/24"}},
      {"KV_HEADS_DO_NOT_DIVIDE",
       kMeg,
       "--context-parallel-size 8 --cp-comm-type a2a",
       "--context-parallel-size 2 --cp-comm-type a2a",
       {"16/2"}},
      {"KV_HEADS_DO_NOT_DIVIDE",
       kMeg,
       "--tensor-model-parallel-size 2 --context-parallel-size 8 "
       "--cp-comm-type a2a",
       "--tensor-model-parallel-size 1 --context-parallel-size 8 "
       "--cp-comm-type a2a",
       {"32/8"}},
      {"KV_HEADS_NEITHER_WAY",
       kAlst,
       "sequence_parallel_size: 8\n",
       "sequence_parallel_size: 6\n",
       {"24/6"}},
      {"UNEVEN_HEADS_WITH_GQA", kDs, kSp8, kSp4, {"28/4"}},
      {"HEADS_OF_TWO_SIZES",
       kMeg,
       kCp4,
       "--context-parallel-size 1",
       {"128/128", 0, 0, 0, {}, R"({"kv_lora_rank": 512})"}},
      {"SEQUENCE_DOES_NOT_DIVIDE",
       kAlst,
       "sequence_parallel_size: 8\n",
       "sequence_parallel_size: 2\n",
       {"32/8", 57826}},
      {"SEQUENCE_DOES_NOT_DIVIDE",
       kMeg,
       kCp4,
       kCp4,
       {"32/8", 4100},
       {{"32/8", 4096}}},
      {"SEQUENCE_DOES_NOT_DIVIDE",
       kXdit,
       "--ulysses-degree 8",
       "--ulysses-degree 8",
       {"24/24", 57826},
       {{"24/24", 57832}}},
      {"CHUNK_DOES_NOT_DIVIDE",
       kMeg,
       "--ds-sequence-parallel-size 4 --ds-sequence-parallel-fpdt "
       "--ds-sequence-parallel-fpdt-chunk-size 65535",
       "--ds-sequence-parallel-size 4 --ds-sequence-parallel-fpdt "
       "--ds-sequence-parallel-fpdt-chunk-size 65536",
       {"32/32", 262144}},
      {"MAX_NUM_SEQS_DOES_NOT_DIVIDE", kVllm,
       "--ulysses-sequence-parallel-size 8 --max-num-seqs 100",
       "--ulysses-sequence-parallel-size 8 --max-num-seqs 104"},
      {"FIXED_LENGTH_MISSING", kAcc,
       SP_KEY "sp_size: 4\n" SP_KEY "sp_seq_length_is_variable: false\n",
       SP_KEY "sp_size: 4\n" SP_KEY "sp_seq_length_is_variable: false\n" SP_KEY
              "sp_seq_length: 4096\n"},
      {"FIXED_LENGTH_DIFFERS",
       kAcc,
       SP_KEY "sp_size: 4\n" SP_KEY "sp_seq_length_is_variable: false\n" SP_KEY
              "sp_seq_length: 256\n",
       SP_KEY "sp_size: 4\n" SP_KEY "sp_seq_length: 256\n",
       {"32/8", 4096}},
      {"TOKEN_BUDGET_TOO_SMALL",
       kVerl,
       VERL_ACTOR "ulysses_sequence_parallel_size=4 " VERL_ACTOR
                  "ppo_max_token_len_per_gpu=4096",
       VERL_ACTOR "ulysses_sequence_parallel_size=4 " VERL_ACTOR
                  "ppo_max_token_len_per_gpu=8192",
       {"32/8", 32768}},
      {"HIERARCHICAL_SIZES_MISMATCH", kMeg,
       "--context-parallel-size 16 --cp-comm-type a2a+p2p "
       "--hierarchical-context-parallel-sizes 8 4",
       "--context-parallel-size 16 --cp-comm-type a2a+p2p "
       "--hierarchical-context-parallel-sizes 4 4"},
      {"COMM_TYPE_PER_LAYER_COUNT",
       kMeg,
       "--context-parallel-size 2 --cp-comm-type p2p a2a p2p",
       "--context-parallel-size 2 --cp-comm-type p2p a2a",
       {"32/8"}},
      {"WINDOW_WITH_RING",
       kMeg,
       kRing4,
       kCp4,
       {"32/8", 4096, 0, 0, {}, "", 128}},
      {"SOFTMAX_SINKS_WITH_RING", kMeg,
       "--context-parallel-size 4 --softmax-type learnable",
       "--context-parallel-size 4 --softmax-type learnable --cp-comm-type a2a"},
      {"FP8_CUSTOM_RECIPE", kMeg,
       "--context-parallel-size 4 --fp8-recipe custom",
       "--context-parallel-size 4 --fp8-recipe delayed"},
      {"DYNAMIC_CONTEXT_CONFLICT", kMeg,
       "--dynamic-context-parallel --pipeline-model-parallel-size 2",
       "--dynamic-context-parallel --pipeline-model-parallel-size 1"},
      {"SP_AND_CP_TOGETHER", kAcc, SP_KEY "sp_size: 2\n" SP_KEY "cp_size: 2\n",
       SP_KEY "sp_size: 2\n" SP_KEY "cp_size: 1\n"},
      {"REPLICATE_WITHOUT_SHARD", kAcc,
       SP_KEY "cp_size: 2\n" SP_KEY "dp_replicate_size: 4\n",
       SP_KEY "cp_size: 2\n" SP_KEY "dp_shard_size: 4\n"},
      {"RING_NEEDS_PADDING_FREE",
       kSwift,
       "--sequence_parallel_size 6",
       "--sequence_parallel_size 6 --padding_free true",
       {"32/8"}},
      {"NEEDS_REMOVE_PADDING", kVerl,
       "engine.ulysses_sequence_parallel_size=2 model.use_remove_padding=false",
       "engine.ulysses_sequence_parallel_size=2 model.use_remove_padding=true"},
      {"ATTENTION_WITHOUT_POSITIONS", kAcc,
       SP_KEY "sp_size: 4\n" SP_KEY "sp_attn_implementation: eager\n",
       SP_KEY "sp_size: 4\n" SP_KEY "sp_attn_implementation: sdpa\n"},
      {"DROPOUT_UNSUPPORTED", kMax,
       "ici_context_parallelism=4 dropout_rate=0.1",
       "ici_context_parallelism=4 dropout_rate=0.0"},
      {"TENSOR_WITH_ULYSSES", kMeg,
       "--ds-sequence-parallel-size 4 --tensor-model-parallel-size 2",
       "--ds-sequence-parallel-size 4 --tensor-model-parallel-size 1"},
      {"PIPELINE_WITH_ULYSSES", kMeg,
       "--ds-sequence-parallel-size 4 --pipeline-model-parallel-size 2",
       "--context-parallel-size 4 --pipeline-model-parallel-size 2"},
      {"EXPERTS_DO_NOT_DIVIDE",
       kMeg,
       "--expert-model-parallel-size 3",
       "--expert-model-parallel-size 4",
       {"32/8", 0, 12, 0, {}, "", 0, 8}},
      // --- no effect
      {"MESH_IS_NOT_MADE", kDs, R"({"sequence_parallel_size": 4})", kSp4},
      {"IGNORED_BY_MODEL",
       kVerl,
       "engine.ulysses_sequence_parallel_size=8",
       "engine.ulysses_sequence_parallel_size=8",
       {"32/8", 0, 0, 0, {}, R"({"model_type": "qwen3_5"})"},
       {{"32/8", 0, 0, 0, {}, R"({"model_type": "qwen3"})"}}},
      {"TOKEN_BUDGET_IS_MULTIPLIED",
       kVerl,
       "engine.ulysses_sequence_parallel_size=8 "
       "data.max_token_len_per_gpu=32768",
       "engine.ulysses_sequence_parallel_size=8 "
       "data.max_token_len_per_gpu=4096",
       {"32/8", 32768}},
      {"HIERARCHICAL_SIZES_UNUSED", kMeg,
       "--context-parallel-size 4 --hierarchical-context-parallel-sizes 2 2",
       "--context-parallel-size 4 --hierarchical-context-parallel-sizes 2 2 "
       "--cp-comm-type a2a+p2p"},
      {"CONTEXT_SETTING_UNUSED", kMax, "context_parallel_strategy=ulysses",
       "context_parallel_strategy=ulysses ici_context_parallelism=4"},
      {"CONTEXT_SETTING_UNUSED", kMeg, "--cp-comm-type a2a",
       "--cp-comm-type a2a --context-parallel-size 2"},
      {"CONTEXT_SETTING_UNUSED", kAcc, SP_KEY "sp_attn_implementation: sdpa\n",
       SP_KEY "sp_attn_implementation: sdpa\n" SP_KEY "sp_size: 2\n"},
      // --- slow
      {"ULYSSES_ACROSS_NODES",
       kMeg,
       "--context-parallel-size 16 --cp-comm-type a2a",
       "--context-parallel-size 16 --cp-comm-type a2a+p2p "
       "--hierarchical-context-parallel-sizes 8 2",
       {"32/32", 0, 16, 8}},
      {"ULYSSES_OUTSIDE",
       kYun,
       "--ulysses_degree 8 --ring_degree 2 --use_ulysses_low false",
       "--ulysses_degree 8 --ring_degree 2",
       {"32/32", 0, 16, 8}},
      {"KV_HEADS_ARE_COPIED",
       kAlst,
       "sequence_parallel_size: 16\n",
       "sequence_parallel_size: 8\n",
       {"32/8"}},
      {"UNEVEN_HEADS_WAIT_FOR_ALL", kDs, kSp8, kSp4, {"28/28"}},
      {"SEQUENCE_IS_PADDED",
       kVerl,
       "engine.ulysses_sequence_parallel_size=8",
       "engine.ulysses_sequence_parallel_size=2",
       {"32/8", 1002}},
      {"TENSOR_WITHOUT_SEQUENCE", kMeg, "--tensor-model-parallel-size 2",
       "--tensor-model-parallel-size 2 --sequence-parallel"},
      {"SHARDING_IS_OFF", kMeg, "--context-parallel-size 4",
       "--context-parallel-size 4 --use-distributed-optimizer"},
      // --- info
      {"GRADIENTS_IN_FP32", kDs, R"({"sequence_parallel_size": 4})", kSp4},
      {"DEGREE_IS_CAPPED_BY_FRAMEWORK",
       kVerl,
       "engine.ulysses_sequence_parallel_size=8",
       "engine.ulysses_sequence_parallel_size=4",
       {"40/8"}},
      {"SWIFT_SPLITS_BY_ITSELF",
       kSwift,
       "--sequence_parallel_size 6",
       "--sequence_parallel_size 4",
       {"32/8"}},
      {"RING_SENDS_LESS",
       kMeg,
       "--context-parallel-size 2 --cp-comm-type a2a",
       "--context-parallel-size 8 --cp-comm-type a2a",
       {"64/8"}},
      {"RING_GRADIENT_ERROR", kYun, "--ring_degree 8", "--ring_degree 4"},
      {"ULYSSES_NEEDS_NEW_TORCHTITAN", kTitan,
       "[parallelism]\ncontext_parallel_degree = 4\n"
       "context_parallel_strategy = 'ulysses'\n",
       "[parallelism]\ncontext_parallel_degree = 4\n"},
  };
  return *kCases;
}

#undef VERL_ACTOR
#undef SP_KEY

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CASES_FOR_TEST_H_
