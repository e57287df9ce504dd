// MaxText: overrides or YAML.
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {

ConfigOr ReadMaxtext(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadWordsOrYaml("maxtext", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kMaxtext;
  config.engine = Engine::kMaxtext;
  config.settings = *std::move(settings);
  Fields fields("maxtext", config.settings);
  Strategy& s = config.strategy;
  const uint32_t context =
      fields.DegreeOrRest("ici_context_parallelism").value_or(1);
  const auto way = fields.Word("context_parallel_strategy", {});
  if (way == "ulysses") {
    s.ulysses = context;
  } else {
    s.ring = context;
    if (s.ring > 1) {
      s.token_order = TokenOrder::kZigzag;
      s.ring_gradients = RingGradients::kElement;
    }
  }
  s.tensor = fields.DegreeOrRest("ici_tensor_parallelism").value_or(1);
  s.pipeline = fields.DegreeOrRest("ici_pipeline_parallelism").value_or(1);
  const auto fsdp = fields.DegreeOrRest("ici_fsdp_parallelism");
  if (fsdp) {
    s.data_parallel = *fsdp;
    config.data_parallel_said = true;
  }
  // FSDP is its default: -1 is the rest.
  s.zero_stage = 3;
  if (const auto n = fields.Count("max_target_length", 1, kMaxSequenceLength))
    config.work.sequence = *n;
  return Finish(std::move(config), options, fields);
}

Wording WriteMaxtext(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Composer out;
  out.Count("ici_context_parallelism", uint64_t{s.ring} * s.ulysses);
  const auto said = SaidWord(config, "context_parallel_strategy");
  const bool keeps = said && *said != "ulysses" && s.ulysses == 1;
  if (s.ring * s.ulysses > 1) {
    out.Word("context_parallel_strategy", s.ulysses > 1 ? "ulysses"
                                          : keeps       ? *said
                                                        : "ring");
  }
  out.Count("ici_tensor_parallelism", s.tensor);
  out.Count("ici_pipeline_parallelism", s.pipeline);
  out.Count("ici_fsdp_parallelism", s.data_parallel);
  if (config.work.sequence > 0)
    out.Count("max_target_length", config.work.sequence);
  Wording wording;
  wording.config = WriteOverrides(out.With(config));
  if (s.recompute != Recompute::kNone)
    wording.not_in_config.push_back("recompute: remat_policy");
  return wording;
}

}  // namespace ithaca::planner
