// Rules about what a framework's script and data must be like.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/rule_checks.h"

namespace ithaca::planner {
namespace {

bool UsesDeepSpeedLayer(const JobConfig& config) {
  return config.engine == Engine::kDeepSpeedLayer ||
         config.engine == Engine::kFpdt;
}

// The path of the setting whose last key is `name`; `name` itself: none.
std::string PathOf(const JobConfig& config, const std::string& name) {
  for (const Setting& setting : config.settings) {
    if (setting.path == name || absl::EndsWith(setting.path, "." + name))
      return setting.path;
  }
  return name;
}

// How attention is computed; "": not said.
std::string AttentionOf(const JobConfig& config) {
  for (const char* name :
       {"attn_implementation", "parallelism_config_sp_attn_implementation"}) {
    if (const auto word = SaidWord(config, PathOf(config, name))) return *word;
  }
  return "";
}

}  // namespace

MaybeHit BatchSecondLayout(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kMegatron || !UsesDeepSpeedLayer(config) ||
      config.strategy.ulysses == 1 || config.work.batch == 1)
    return std::nullopt;
  return Hit{"micro_batch_size",
             absl::StrCat("is ", config.work.batch,
                          ": Megatron has the sequence first and the batch "
                          "second, and DeepSpeed's exchange gives that layout "
                          "back with a wrong shape"),
             "use a micro-batch of 1, or a DeepSpeed with pull request 7868"};
}

MaybeHit MeshIsNotMade(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kDeepSpeed ||
      config.strategy.ulysses == 1 || config.data_parallel_said)
    return std::nullopt;
  return Hit{
      "sequence_parallel_size",
      "alone makes no groups: DeepSpeed reads it only together with "
      "data_parallel_size",
      absl::StrCat("add \"data_parallel_size\": ",
                   config.ranks
                       ? absl::StrCat(*config.ranks / config.strategy.ulysses)
                       : "(ranks / degree)",
                   ", or give mesh_param or an mpu to deepspeed.initialize")};
}

MaybeHit IgnoredByModel(const Subject& subject) {
  const JobConfig& config = subject.config;
  const bool hybrid = subject.linear_attention ||
                      absl::StartsWith(subject.model_type, "qwen3_5") ||
                      absl::StartsWith(subject.model_type, "qwen3_next");
  if (SequenceRanks(config) == 1 || !hybrid ||
      (config.framework != Framework::kVerl && config.engine != Engine::kAlst &&
       config.engine != Engine::kSwift))
    return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat(
                 "is accepted and does nothing for the linear "
                 "attention of ",
                 subject.model_type.empty() ? "this model" : subject.model_type,
                 ": every rank keeps activations of the full length"),
             "look at the allocator for blocks of the full length; use a "
             "framework that patches these layers"};
}

MaybeHit NeedsRemovePadding(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kVerl || config.strategy.ulysses == 1)
    return std::nullopt;
  if (SaidFlag(config, PathOf(config, "use_remove_padding")).value_or(true))
    return std::nullopt;
  return Hit{"use_remove_padding",
             "is false; with Ulysses shapes then do not match",
             "set it to true"};
}

MaybeHit PackedWithoutFlash(const Subject& subject) {
  if (subject.config.engine != Engine::kAlst || !subject.packed ||
      SequenceRanks(subject.config) == 1 ||
      AttentionOf(subject.config) != "sdpa")
    return std::nullopt;
  return Hit{PathOf(subject.config, "attn_implementation"),
             "sdpa does not see the borders of packed documents: each attends "
             "to all before it",
             "use flash_attention_2 or flash_attention_3"};
}

MaybeHit AttentionWithoutPositions(const Subject& subject) {
  const std::string attention = AttentionOf(subject.config);
  if (subject.config.engine != Engine::kAlst ||
      SequenceRanks(subject.config) == 1 ||
      (attention != "eager" && attention != "flex_attention"))
    return std::nullopt;
  return Hit{PathOf(subject.config, "attn_implementation"),
             absl::StrCat("\"", attention,
                          "\" needs a mask of all pairs, which does not exist "
                          "on any rank"),
             "use flash_attention_2, flash_attention_3 or sdpa"};
}

MaybeHit MeanOfUnequalShares(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (!UsesDeepSpeedLayer(config) && config.engine != Engine::kYunchang)
    return std::nullopt;
  if (SequenceRanks(config) == 1 || !config.work.training || !subject.packed)
    return std::nullopt;
  return Hit{DegreeField(config),
             "ranks hold unequal numbers of tokens that count for the loss, "
             "and the mean of their means is not the mean",
             "weigh each rank's loss by its tokens that are not masked, over "
             "the group (a plan gives them as valid_tokens)"};
}

MaybeHit DropoutUnsupported(const Subject& subject) {
  const JobConfig& config = subject.config;
  const auto rate = SaidNumber(config, PathOf(config, "dropout_rate"));
  if (config.framework != Framework::kMaxtext || SequenceRanks(config) == 1 ||
      !rate || *rate == 0)
    return std::nullopt;
  return Hit{"dropout_rate", "dropout does not run with context parallelism",
             "set it to 0"};
}

MaybeHit GradientsInFp32(const Subject& subject) {
  const JobConfig& config = subject.config;
  const bool deepspeed = config.framework == Framework::kDeepSpeed ||
                         config.framework == Framework::kAlst;
  if (!deepspeed || config.strategy.ulysses == 1 ||
      config.work.element_bytes == 4)
    return std::nullopt;
  const std::string at = PathOf(config, "seq_parallel_communication_data_type");
  if (FindSetting(config, at) != nullptr) return std::nullopt;
  return Hit{"seq_parallel_communication_data_type",
             "is not set: gradients are reduced in fp32, twice the bytes",
             "set it to bf16 where that precision is enough"};
}

MaybeHit ShardingIsOff(const Subject& subject) {
  const JobConfig& config = subject.config;
  const bool can = config.engine == Engine::kTransformerEngine ||
                   config.framework == Framework::kDeepSpeed ||
                   config.framework == Framework::kAlst ||
                   config.framework == Framework::kSwift;
  if (!can || SequenceRanks(config) == 1 || config.strategy.zero_stage > 0 ||
      !config.work.training)
    return std::nullopt;
  // A file of DeepSpeed's own says it elsewhere.
  const Setting* file = FindSetting(config, "deepspeed");
  if (file != nullptr && !file->understood) return std::nullopt;
  return Hit{
      config.framework == Framework::kMegatron ? "use_distributed_optimizer"
                                               : "zero_optimization.stage",
      absl::StrCat("optimizer states are whole on each of the ",
                   SequenceRanks(config), " ranks that share a sequence"),
      "shard them over these ranks too: ZeRO 1 or more"};
}

}  // namespace ithaca::planner
