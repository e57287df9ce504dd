// Megatron-LM's options, Megatron-Bridge's YAML, and the options that
// Megatron-DeepSpeed adds for DeepSpeed's attention.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

// Reads by the last key of a path: Bridge spreads over "model", "ddp" and so on
// what Megatron-LM has as options.
class Options {
 public:
  explicit Options(JobConfig& config)
      : settings_(config.settings), fields_("megatron", config.settings) {}

  std::string At(const std::string& name) { return Locate(settings_, name); }
  Fields& fields() { return fields_; }
  uint32_t Degree(const std::string& name) {
    return fields_.Degree(At(name)).value_or(1);
  }
  bool Flag(const std::string& name) {
    return fields_.Flag(At(name)).value_or(false);
  }

 private:
  std::vector<Setting>& settings_;
  Fields fields_;
};

// How context parallelism is spread: see the table in the README.
void ReadContextParallel(Options& options, Strategy& s) {
  const uint32_t degree = options.Degree("context_parallel_size");
  Fields& fields = options.fields();
  const std::vector<uint64_t> sizes = fields.Counts(
      options.At("hierarchical_context_parallel_sizes"), 1, kMaxRanks);
  const std::vector<std::string> types =
      fields.Words(options.At("cp_comm_type"),
                   {"p2p", "all_gather", "allgather", "a2a", "a2a+p2p"});
  const std::string type = types.empty() ? "p2p" : types.front();
  if (type == "a2a") {
    s.ulysses = degree;
  } else if (type == "a2a+p2p" && sizes.size() == 2 &&
             sizes[0] * sizes[1] == degree) {
    s.ulysses = static_cast<uint32_t>(sizes[0]);
    s.ring = static_cast<uint32_t>(sizes[1]);
  } else {
    s.ring = degree;
  }
}

void ReadZero(Options& options, Strategy& s) {
  if (options.Flag("use_distributed_optimizer")) s.zero_stage = 1;
  const bool fsdp = options.Flag("use_megatron_fsdp");
  const auto sharding = options.fields().Word(
      options.At("data_parallel_sharding_strategy"),
      {"no_shard", "optim", "optim_grads", "optim_grads_params"});
  if (fsdp && sharding) {
    s.zero_stage = *sharding == "no_shard"      ? 0
                   : *sharding == "optim"       ? 1
                   : *sharding == "optim_grads" ? 2
                                                : 3;
  }
  if (options.Flag("use_torch_fsdp2")) s.zero_stage = 3;
  s.offload_optimizer = options.Flag("optimizer_cpu_offload");
}

void ReadRecompute(Options& options, Strategy& s) {
  if (options.Flag("recompute_activations"))
    s.recompute = Recompute::kSelective;
  const auto kind = options.fields().Word(options.At("recompute_granularity"),
                                          {"full", "selective"});
  if (kind) {
    s.recompute = *kind == "full" ? Recompute::kFull : Recompute::kSelective;
  }
}

// Megatron-DeepSpeed.
void ReadDeepSpeedOptions(Options& options, JobConfig& config) {
  const uint32_t degree = options.Degree("ds_sequence_parallel_size");
  const bool fpdt = options.Flag("ds_sequence_parallel_fpdt");
  const auto chunk =
      options.fields().Count(options.At("ds_sequence_parallel_fpdt_chunk_size"),
                             1, kMaxSequenceLength);
  if (degree == 1 && !fpdt) return;
  config.engine = fpdt ? Engine::kFpdt : Engine::kDeepSpeedLayer;
  config.strategy.ulysses = degree;
  if (fpdt) config.strategy.attention_chunk = chunk.value_or(65536);
}

void ReadWork(Options& options, JobConfig& config) {
  Fields& fields = options.fields();
  Work& work = config.work;
  for (const char* name : {"seq_length", "sequence_length"}) {
    if (const auto n = fields.Count(options.At(name), 1, kMaxSequenceLength))
      work.sequence = *n;
  }
  if (const auto n = fields.Count(options.At("micro_batch_size"), 1, kMaxBatch))
    work.batch = *n;
  for (const char* name : {"hidden_dropout", "attention_dropout"})
    fields.Number(options.At(name), 0, 1);
}

void ReadTypes(Options& options, JobConfig& config) {
  const bool bf16 = options.Flag("bf16");
  const bool fp16 = options.Flag("fp16");
  if (bf16 || fp16) config.work.element_bytes = 2;
}

// Micro-batches need all degrees.
void ReadGlobalBatch(Options& options, JobConfig& config) {
  const auto global =
      options.fields().Count(options.At("global_batch_size"), 1, kMaxBatch);
  const uint64_t once = config.work.batch * config.strategy.data_parallel;
  if (global && config.ranks && *global % once == 0)
    config.work.micro_batches = *global / once;
}

std::string CommType(const JobConfig& config) {
  const Strategy& s = config.strategy;
  if (s.ring > 1 && s.ulysses > 1) return "a2a+p2p";
  if (s.ulysses > 1) return "a2a";
  const auto said = SaidWords(config, Locate(config.settings, "cp_comm_type"));
  if (!said.empty() && absl::StrContains(said.front(), "gather"))
    return said.front();
  return "p2p";
}

void WriteContextParallel(const JobConfig& config, Composer& out) {
  const Strategy& s = config.strategy;
  if (config.engine != Engine::kTransformerEngine) {
    out.Count("ds_sequence_parallel_size", s.ulysses);
    if (config.engine == Engine::kFpdt) {
      out.Flag("ds_sequence_parallel_fpdt", true);
      out.Count("ds_sequence_parallel_fpdt_chunk_size", s.attention_chunk);
    }
    return;
  }
  out.Count("context_parallel_size", uint64_t{s.ring} * s.ulysses);
  if (s.ring > 1 && s.ulysses > 1) {
    out.Counts("hierarchical_context_parallel_sizes", {s.ulysses, s.ring});
  }
  if (s.ring * s.ulysses > 1) out.Word("cp_comm_type", CommType(config));
}

void WriteZero(const Strategy& s, Composer& out) {
  if (s.zero_stage > 0) out.Flag("use_distributed_optimizer", true);
  if (s.zero_stage > 1) {
    out.Flag("use_megatron_fsdp", true);
    out.Word("data_parallel_sharding_strategy",
             s.zero_stage == 2 ? "optim_grads" : "optim_grads_params");
    out.Flag("no_gradient_accumulation_fusion", true);
  }
  if (s.offload_optimizer) {
    out.Flag("optimizer_cpu_offload", true);
    out.Number("optimizer_offload_fraction", 1.0);
    out.Flag("use_precision_aware_optimizer", true);
  }
}

// Whether the text spreads over maps, as Bridge's YAML does.
bool HasSections(const JobConfig& config) {
  return std::any_of(
      config.settings.begin(), config.settings.end(),
      [](const Setting& s) { return absl::StrContains(s.path, "."); });
}

// The same settings, each in the map that the text has it in.
std::vector<Setting> InSections(const JobConfig& config,
                                std::vector<Setting> settings) {
  for (Setting& setting : settings) {
    if (absl::StrContains(setting.path, ".")) continue;
    const std::string at = Locate(config.settings, setting.path);
    setting.path = at == setting.path ? absl::StrCat("model.", at) : at;
  }
  return settings;
}

void WriteRecompute(const Strategy& s, Composer& out) {
  if (s.recompute == Recompute::kNone) return;
  out.Word("recompute_granularity", WordOf(s.recompute));
  if (s.recompute == Recompute::kFull) {
    out.Word("recompute_method", "uniform");
    out.Count("recompute_num_layers", 1);
  }
}

}  // namespace

ConfigOr ReadMegatron(absl::string_view text, const ReadOptions& read) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadWordsOrYaml("megatron", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kMegatron;
  config.engine = Engine::kTransformerEngine;
  config.settings = *std::move(settings);
  Options options(config);
  Strategy& s = config.strategy;
  s.tensor = options.Degree("tensor_model_parallel_size");
  s.pipeline = options.Degree("pipeline_model_parallel_size");
  s.expert_parallel = options.Degree("expert_model_parallel_size");
  options.Flag("sequence_parallel");
  ReadContextParallel(options, s);
  if (s.ring > 1) {
    s.token_order = TokenOrder::kZigzag;
    s.ring_gradients = RingGradients::kElement;
  }
  ReadZero(options, s);
  ReadRecompute(options, s);
  ReadDeepSpeedOptions(options, config);
  ReadWork(options, config);
  ReadTypes(options, config);
  absl::StatusOr<JobConfig> done =
      Finish(std::move(config), read, options.fields());
  if (!done.ok()) return done;
  Options again(*done);
  ReadGlobalBatch(again, *done);
  if (!again.fields().status().ok()) return again.fields().status();
  return done;
}

Wording WriteMegatron(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Composer out;
  out.Count("tensor_model_parallel_size", s.tensor);
  // The planner counts tensor parallelism with its sequence parallelism.
  if (s.tensor > 1) out.Flag("sequence_parallel", true);
  out.Count("pipeline_model_parallel_size", s.pipeline);
  WriteContextParallel(config, out);
  if (s.expert_parallel > 1)
    out.Count("expert_model_parallel_size", s.expert_parallel);
  WriteZero(s, out);
  WriteRecompute(s, out);
  if (config.work.sequence > 0) out.Count("seq_length", config.work.sequence);
  out.Count("micro_batch_size", config.work.batch);
  out.Count("global_batch_size",
            config.work.batch * config.work.micro_batches * s.data_parallel);
  if (config.work.element_bytes == 2) {
    const bool fp16 =
        SaidFlag(config, Locate(config.settings, "fp16")).value_or(false);
    out.Flag(fp16 ? "fp16" : "bf16", true);
  }
  for (const char* name : {"hidden_dropout", "attention_dropout"}) {
    if (const auto p = SaidNumber(config, Locate(config.settings, name)))
      out.Number(name, *p);
  }
  Wording wording;
  wording.config = HasSections(config)
                       ? WriteYaml(InSections(config, out.With(config)))
                       : WriteOptions(out.With(config), '-');
  return wording;
}

}  // namespace ithaca::planner
