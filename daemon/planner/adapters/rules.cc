#include "daemon/planner/adapters/rule.h"
#include "daemon/planner/adapters/rule_checks.h"

namespace ithaca::planner {

std::string DegreeField(const JobConfig& config) {
  switch (config.framework) {
    case Framework::kMegatron:
      return config.engine == Engine::kTransformerEngine
                 ? "context_parallel_size"
                 : "ds_sequence_parallel_size";
    case Framework::kAccelerate:
      return config.strategy.ulysses > 1 ? "parallelism_config_sp_size"
                                         : "parallelism_config_cp_size";
    case Framework::kTorchtitan:
      return "parallelism.context_parallel_degree";
    case Framework::kVerl:
    case Framework::kVllm:
      return "ulysses_sequence_parallel_size";
    case Framework::kYunchang:
    case Framework::kXdit:
      return "ulysses_degree";
    case Framework::kMaxtext:
      return "ici_context_parallelism";
    case Framework::kDeepSpeed:
    case Framework::kAlst:
    case Framework::kSwift:
    case Framework::kVeomni:
    case Framework::kInternevo:
      break;
  }
  return "sequence_parallel_size";
}

uint64_t SequenceRanks(const JobConfig& config) {
  return uint64_t{config.strategy.ulysses} * config.strategy.ring;
}

const std::vector<Rule>& Rules() {
  constexpr Harm W = Harm::kWrongResult;
  constexpr Harm C = Harm::kCrash;
  constexpr Harm N = Harm::kNoEffect;
  constexpr Harm S = Harm::kSlow;
  constexpr Harm I = Harm::kInfo;
  static const auto* const kRules = new std::vector<Rule>{
      // Wrong results first, as nothing else tells of them.
      {"SEQUENCE_SILENTLY_WRONG", W,
       "deepspeedai/DeepSpeed#5177 #7384 #7842; yunchang extract_local",
       SequenceSilentlyWrong},
      {"HIERARCHICAL_SIZES_MISSING", W, "NVIDIA-NeMo/Megatron-Bridge#2667",
       HierarchicalSizesMissing},
      {"HEADS_ARE_FLOORED", W, "yunchang all_to_all; xdit-project/xDiT#167",
       HeadsAreFloored},
      {"KV_HEADS_ARE_FLOORED", W, "yunchang all_to_all; xdit-project/xDiT#167",
       KvHeadsAreFloored},
      {"UNEVEN_HEADS_SHARE_ONE_COUNT", W, "deepspeedai/DeepSpeed#8291",
       UnevenHeadsShareOneCount},
      {"BATCH_SECOND_LAYOUT", W,
       "deepspeedai/DeepSpeed#7868; deepspeedai/Megatron-DeepSpeed#433",
       BatchSecondLayout},
      {"DOCUMENTS_DO_NOT_DIVIDE", W, "NVIDIA/TransformerEngine#1930",
       DocumentsDoNotDivide},
      {"PACKED_WITHOUT_FLASH", W, "ALST paper 7.2; accelerate's guide",
       PackedWithoutFlash},
      {"MEAN_OF_UNEQUAL_SHARES", W,
       "deepspeedai/DeepSpeed#5248 #6841; verl-project/verl#2857; "
       "Qihoo360/360-LLaMA-Factory#72",
       MeanOfUnequalShares},
      {"RING_MISCOMPUTES", W, "sgl-project/sglang#33353 #21828",
       RingMiscomputes},
      // Then what stops it.
      {"DEGREES_DO_NOT_COVER_RANKS", C,
       "deepspeedai/DeepSpeed#6708 #7041; accelerate's ParallelismConfig",
       DegreesDoNotCoverRanks},
      {"MORE_RANKS_THAN_HEADS", C, "deepspeedai/DeepSpeed#4674",
       MoreRanksThanHeads},
      {"HEADS_DO_NOT_DIVIDE", C,
       "verl-project/verl#1226; DAMO-NLP-SG/LongPO#5; sgl-project/sglang#33704",
       HeadsDoNotDivide},
      {"KV_HEADS_DO_NOT_DIVIDE", C,
       "PrimeIntellect-ai/prime-rl#3042; Megatron-Bridge's guide; "
       "modelscope/ms-swift ulysses.py",
       KvHeadsDoNotDivide},
      {"KV_HEADS_NEITHER_WAY", C, "ulysses_sp.py; verl monkey_patch.py",
       KvHeadsNeitherWay},
      {"UNEVEN_HEADS_WITH_GQA", C, "deepspeedai/DeepSpeed#6392",
       UnevenHeadsWithGqa},
      {"HEADS_OF_TWO_SIZES", C, "NVIDIA/TransformerEngine#2868",
       HeadsOfTwoSizes},
      {"SEQUENCE_DOES_NOT_DIVIDE", C,
       "ulysses_sp.py; Megatron-LM arguments.py; xdit-project/xDiT#471; "
       "huggingface/diffusers#12706 #13545",
       SequenceDoesNotDivide},
      {"CHUNK_DOES_NOT_DIVIDE", C, "fpdt_layer.py", ChunkDoesNotDivide},
      {"MAX_NUM_SEQS_DOES_NOT_DIVIDE", C, "snowflakedb/ArcticInference#175",
       MaxNumSeqsDoesNotDivide},
      {"FIXED_LENGTH_MISSING", C,
       "accelerate's DeepSpeedSequenceParallelConfig", FixedLengthMissing},
      {"FIXED_LENGTH_DIFFERS", C, "accelerate's guide", FixedLengthDiffers},
      {"TOKEN_BUDGET_TOO_SMALL", C, "verl-project/verl#571",
       TokenBudgetTooSmall},
      {"HIERARCHICAL_SIZES_MISMATCH", C, "Megatron-LM arguments.py",
       HierarchicalSizesMismatch},
      {"COMM_TYPE_PER_LAYER_COUNT", C, "Megatron-LM transformer_config.py",
       CommTypePerLayerCount},
      {"WINDOW_WITH_RING", C, "TransformerEngine context_parallel.py",
       WindowWithRing},
      {"SOFTMAX_SINKS_WITH_RING", C, "TransformerEngine context_parallel.py",
       SoftmaxSinksWithRing},
      {"FP8_CUSTOM_RECIPE", C, "TransformerEngine context_parallel.py",
       Fp8CustomRecipe},
      {"DYNAMIC_CONTEXT_CONFLICT", C, "NVIDIA/Megatron-LM#6816",
       DynamicContextConflict},
      {"SP_AND_CP_TOGETHER", C, "accelerate parallelism_config.py",
       SpAndCpTogether},
      {"REPLICATE_WITHOUT_SHARD", C, "accelerate parallelism_config.py",
       ReplicateWithoutShard},
      {"RING_NEEDS_PADDING_FREE", C, "modelscope/ms-swift#5624 #5740",
       RingNeedsPaddingFree},
      {"NEEDS_REMOVE_PADDING", C, "verl-project/verl#5957", NeedsRemovePadding},
      {"ATTENTION_WITHOUT_POSITIONS", C, "ulysses_sp.py; accelerate's guide",
       AttentionWithoutPositions},
      {"DROPOUT_UNSUPPORTED", C, "MaxText's context parallelism",
       DropoutUnsupported},
      {"TENSOR_WITH_ULYSSES", C,
       "DeepSpeed's tutorial; hpcaitech/ColossalAI#6073", TensorWithUlysses},
      {"PIPELINE_WITH_ULYSSES", C,
       "DeepSpeed's tutorial; deepspeedai/DeepSpeed#4645", PipelineWithUlysses},
      {"EXPERTS_DO_NOT_DIVIDE", C, "Megatron-LM parallel_state.py",
       ExpertsDoNotDivide},
      // Then what does nothing.
      {"MESH_IS_NOT_MADE", N, "deepspeedai/DeepSpeed#6708 #7041",
       MeshIsNotMade},
      {"IGNORED_BY_MODEL", N,
       "verl-project/verl#7476; deepspeedai/DeepSpeed#8114", IgnoredByModel},
      {"TOKEN_BUDGET_IS_MULTIPLIED", N,
       "verl-project/verl#7476 #571 #453; ChenxinAn-fdu/POLARIS#33",
       TokenBudgetIsMultiplied},
      {"HIERARCHICAL_SIZES_UNUSED", N, "Megatron-LM parallel_state.py",
       HierarchicalSizesUnused},
      {"CONTEXT_SETTING_UNUSED", N, "AI-Hypercomputer/maxtext#4836",
       ContextSettingUnused},
      // Then what costs.
      {"ULYSSES_ACROSS_NODES", S,
       "sgl-project/sglang#33327; xdit-project/xDiT#553", UlyssesAcrossNodes},
      {"ULYSSES_OUTSIDE", S, "huggingface/diffusers#14725", UlyssesOutside},
      {"KV_HEADS_ARE_COPIED", S, "ulysses_sp.py", KvHeadsAreCopied},
      {"UNEVEN_HEADS_WAIT_FOR_ALL", S, "deepspeed/sequence/layer.py",
       UnevenHeadsWaitForAll},
      {"SEQUENCE_IS_PADDED", S, "verl utils/ulysses.py; modelscope/ms-swift",
       SequenceIsPadded},
      {"TENSOR_WITHOUT_SEQUENCE", S, "Megatron-LM; yunchang README 7",
       TensorWithoutSequence},
      {"SHARDING_IS_OFF", S, "yunchang README 7; feifeibear USP paper, table 2",
       ShardingIsOff},
      {"GRADIENTS_IN_FP32", I, "deepspeed/runtime/zero/stage3.py",
       GradientsInFp32},
      {"DEGREE_IS_CAPPED_BY_FRAMEWORK", I,
       "verl-project/verl#1226; PrimeIntellect-ai/prime-rl#3042",
       DegreeIsCappedByFramework},
      {"SWIFT_SPLITS_BY_ITSELF", I,
       "modelscope/ms-swift#5624; Wan-Video/Wan2.1#109", SwiftSplitsByItself},
      {"RING_SENDS_LESS", I,
       "feifeibear/long-context-attention#73 #40; Wan-Video/Wan2.1#109",
       RingSendsLess},
      {"RING_GRADIENT_ERROR", I, "zhuzilin/ring-flash-attention#42",
       RingGradientError},
      {"ULYSSES_NEEDS_NEW_TORCHTITAN", I, "pytorch/torchtitan#4450",
       UlyssesNeedsNewTorchtitan},
  };
  return *kRules;
}

const char* HarmName(Harm harm) {
  switch (harm) {
    case Harm::kWrongResult:
      return "wrong result";
    case Harm::kCrash:
      return "crash";
    case Harm::kNoEffect:
      return "no effect";
    case Harm::kSlow:
      return "slow";
    case Harm::kInfo:
      return "info";
  }
  return "info";
}

}  // namespace ithaca::planner
