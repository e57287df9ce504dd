// Unified sequence parallelism: scripts that call yunchang, xDiT and
// SGLang-diffusion; and ArcticInference's Ulysses on vLLM.
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

// The first of several names that the text has.
std::string FirstOf(const Fields& fields,
                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (fields.Has(name)) return name;
  }
  return *names.begin();
}

// The degrees that all of these have.
void ReadDegrees(Fields& fields, JobConfig& config) {
  Strategy& s = config.strategy;
  const auto degree = [&](std::initializer_list<const char*> names) {
    return fields.Degree(FirstOf(fields, names));
  };
  s.ulysses = degree({"ulysses_degree", "ulysses_size"}).value_or(1);
  s.ring = degree({"ring_degree", "ring_size"}).value_or(1);
  s.tensor =
      degree({"tensor_parallel_degree", "tp_size", "tensor_parallel_size"})
          .value_or(1);
  s.pipeline = degree({"pipefusion_parallel_degree"}).value_or(1);
  if (const auto n = degree({"data_parallel_degree", "dp_size"})) {
    s.data_parallel = *n;
    config.data_parallel_said = true;
  }
  if (const auto n = degree({"num_gpus", "nproc_per_node"})) config.ranks = *n;
}

absl::StatusOr<JobConfig> Start(Framework framework, Engine engine,
                                absl::string_view text) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadWordsOrYaml("options", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = framework;
  config.engine = engine;
  config.settings = *std::move(settings);
  config.work.training = LimitsOf(engine).trains;
  return config;
}

}  // namespace

ConfigOr ReadYunchang(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<JobConfig> config =
      Start(Framework::kYunchang, Engine::kYunchang, text);
  if (!config.ok()) return config;
  Fields fields("options", config->settings);
  ReadDegrees(fields, *config);
  Strategy& s = config->strategy;
  if (!fields.Flag("use_ulysses_low").value_or(true))
    s.hybrid_order = HybridOrder::kRingInside;
  const auto ring = fields.Word("ring_impl_type", {});
  if (s.ring > 1) {
    s.token_order = ring == "basic"   ? TokenOrder::kContiguous
                    : ring == "strip" ? TokenOrder::kStriped
                                      : TokenOrder::kZigzag;
  }
  if (const auto n = fields.Count("seq_len", 1, kMaxSequenceLength))
    config->work.sequence = *n;
  return Finish(*std::move(config), options, fields);
}

Wording WriteYunchang(const JobConfig& config) {
  const Strategy& s = config.strategy;
  const bool low = s.hybrid_order == HybridOrder::kUlyssesInside;
  Composer out;
  out.Count("ulysses_degree", s.ulysses);
  out.Count("ring_degree", s.ring);
  if (!low) out.Flag("use_ulysses_low", false);
  const char* ring = s.token_order == TokenOrder::kContiguous ? "basic"
                     : s.token_order == TokenOrder::kStriped  ? "strip"
                                                              : "zigzag";
  if (s.ring > 1) out.Word("ring_impl_type", ring);
  if (config.work.sequence > 0) out.Count("seq_len", config.work.sequence);
  out.Count("data_parallel_degree", s.data_parallel);
  Wording wording;
  wording.config = WriteOptions(out.With(config), '_');
  wording.script.push_back(absl::StrCat(
      "set_seq_parallel_pg(", s.ulysses, ", ", s.ring,
      ", rank, world_size, use_ulysses_low=", low ? "True" : "False", ")"));
  wording.script.push_back(absl::StrCat(
      "attention = LongContextAttention(ring_impl_type=\"", ring, "\")"));
  if (s.zero_stage > 0 || s.recompute != Recompute::kNone ||
      s.offload_optimizer || s.offload_parameters || s.offload_checkpoints ||
      s.tensor > 1 || s.pipeline > 1 || s.tiled_mlp || s.tiled_loss ||
      s.expert_parallel > 1) {
    wording.not_in_config.push_back(
        "sharding, recomputation and other parallelism: the script's own");
  }
  return wording;
}

ConfigOr ReadXdit(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<JobConfig> config =
      Start(Framework::kXdit, Engine::kUspServer, text);
  if (!config.ok()) return config;
  Fields fields("options", config->settings);
  ReadDegrees(fields, *config);
  Strategy& s = config->strategy;
  const auto both = fields.Degree("sp_degree");
  // SGLang: what --sp-degree has beyond the two, it gives to Ulysses.
  if (both && !fields.Has("ulysses_degree") && *both % s.ring == 0)
    s.ulysses = *both / s.ring;
  return Finish(*std::move(config), options, fields);
}

Wording WriteXdit(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Composer out;
  out.Count("ulysses_degree", s.ulysses);
  out.Count("ring_degree", s.ring);
  if (s.tensor > 1) out.Count("tensor_parallel_degree", s.tensor);
  if (s.data_parallel > 1) out.Count("data_parallel_degree", s.data_parallel);
  Wording wording;
  wording.config = WriteOptions(out.With(config), '_');
  return wording;
}

ConfigOr ReadVllm(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<JobConfig> config =
      Start(Framework::kVllm, Engine::kVllm, text);
  if (!config.ok()) return config;
  Fields fields("options", config->settings);
  Strategy& s = config->strategy;
  s.ulysses = fields.Degree("ulysses_sequence_parallel_size").value_or(1);
  s.tensor = fields.Degree("tensor_parallel_size").value_or(1);
  s.pipeline = fields.Degree("pipeline_parallel_size").value_or(1);
  if (const auto n = fields.Degree("data_parallel_size")) {
    s.data_parallel = *n;
    config->data_parallel_said = true;
  }
  if (const auto n = fields.Count("max_model_len", 1, kMaxSequenceLength))
    config->work.sequence = *n;
  return Finish(*std::move(config), options, fields);
}

Wording WriteVllm(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Composer out;
  out.Count("ulysses_sequence_parallel_size", s.ulysses);
  out.Count("tensor_parallel_size", s.tensor);
  if (s.pipeline > 1) out.Count("pipeline_parallel_size", s.pipeline);
  if (s.data_parallel > 1) out.Count("data_parallel_size", s.data_parallel);
  if (config.work.sequence > 0)
    out.Count("max_model_len", config.work.sequence);
  Wording wording;
  wording.config = WriteOptions(out.With(config), '-');
  return wording;
}

}  // namespace ithaca::planner
