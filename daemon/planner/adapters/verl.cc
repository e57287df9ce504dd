// verl: Hydra overrides or YAML.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

constexpr char kDegree[] = "ulysses_sequence_parallel_size";

// Where verl's own names begin: below actor_rollout_ref when that is there
// (reinforcement learning), at the top otherwise (supervised).
struct Names {
  std::string engine = "engine.";
  std::string model = "model.";
  std::string micro_batch = "data.micro_batch_size_per_gpu";
  std::string tokens = "data.max_token_len_per_gpu";
  std::string fsdp = "engine.";
};

Names NamesOf(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    if (!absl::StartsWith(setting.path, "actor_rollout_ref.")) continue;
    const std::string actor = "actor_rollout_ref.actor.";
    return {actor, "actor_rollout_ref.model.",
            actor + "ppo_micro_batch_size_per_gpu",
            actor + "ppo_max_token_len_per_gpu", actor + "fsdp_config."};
  }
  return {};
}

void ReadLength(Fields& fields, Work& work) {
  const auto prompt =
      fields.Count("data.max_prompt_length", 1, kMaxSequenceLength / 2);
  const auto response =
      fields.Count("data.max_response_length", 1, kMaxSequenceLength / 2);
  if (prompt || response)
    work.sequence = prompt.value_or(0) + response.value_or(0);
  if (const auto n = fields.Count("data.max_length", 1, kMaxSequenceLength))
    work.sequence = *n;
}

void ReadSharding(const Names& names, Fields& fields, Strategy& s) {
  s.zero_stage =
      fields.Flag(names.fsdp + "reshard_after_forward").value_or(true) ? 3 : 2;
  s.offload_parameters =
      fields.Flag(names.fsdp + "param_offload").value_or(false);
  s.offload_optimizer =
      fields.Flag(names.fsdp + "optimizer_offload").value_or(false);
}

}  // namespace

ConfigOr ReadVerl(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings = ReadWordsOrYaml("verl", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kVerl;
  config.engine = Engine::kVerl;
  config.settings = *std::move(settings);
  Fields fields("verl", config.settings);
  const Names names = NamesOf(config.settings);
  Strategy& s = config.strategy;
  s.ulysses =
      fields.Degree(fields.Has(kDegree) ? kDegree : names.engine + kDegree)
          .value_or(1);
  ReadSharding(names, fields, s);
  s.recompute =
      fields.Flag(names.model + "enable_gradient_checkpointing").value_or(true)
          ? Recompute::kFull
          : Recompute::kNone;
  s.offload_checkpoints =
      fields.Flag(names.model + "enable_activation_offload").value_or(false);
  if (const auto n = fields.Count(names.micro_batch, 1, kMaxBatch))
    config.work.batch = *n;
  ReadLength(fields, config.work);
  const auto per_node = fields.Degree("trainer.n_gpus_per_node");
  const auto nodes = fields.Degree("trainer.nnodes");
  if (per_node) {
    const uint64_t ranks = uint64_t{*per_node} * nodes.value_or(1);
    if (ranks <= kMaxRanks) config.ranks = static_cast<uint32_t>(ranks);
  }
  return Finish(std::move(config), options, fields);
}

Wording WriteVerl(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Names names = NamesOf(config.settings);
  if (config.settings.empty()) {
    Setting actor;
    actor.path = "actor_rollout_ref.";
    names = NamesOf({actor});
  }
  Composer out;
  out.Count(names.engine + kDegree, s.ulysses);
  out.Flag(names.fsdp + "reshard_after_forward", s.zero_stage == 3);
  out.Flag(names.fsdp + "param_offload", s.offload_parameters);
  out.Flag(names.fsdp + "optimizer_offload", s.offload_optimizer);
  out.Flag(names.model + "enable_gradient_checkpointing",
           s.recompute == Recompute::kFull);
  out.Flag(names.model + "enable_activation_offload", s.offload_checkpoints);
  if (FindSetting(config, names.model + "use_remove_padding") == nullptr)
    out.Flag(names.model + "use_remove_padding", true);
  out.Count(names.micro_batch, config.work.batch);
  const auto prompt = SaidCounts(config, "data.max_prompt_length");
  if (prompt.empty() && config.work.sequence > 0) {
    out.Count("data.max_length", config.work.sequence);
  } else if (!prompt.empty()) {
    out.Count("data.max_prompt_length", prompt[0]);
    if (config.work.sequence > prompt[0])
      out.Count("data.max_response_length", config.work.sequence - prompt[0]);
  }
  const auto said = SaidCounts(config, "trainer.n_gpus_per_node");
  const uint64_t ranks = uint64_t{s.data_parallel} * s.ulysses;
  const bool fits = !said.empty() && said[0] > 0 && ranks % said[0] == 0;
  out.Count("trainer.n_gpus_per_node", fits ? said[0] : ranks);
  out.Count("trainer.nnodes", fits ? ranks / said[0] : 1);
  Wording wording;
  wording.config = WriteOverrides(out.With(config));
  return wording;
}

}  // namespace ithaca::planner
