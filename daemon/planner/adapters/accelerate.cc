// Hugging Face accelerate: the file of `accelerate config`, with
// parallelism_config_* in it.
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

constexpr char kGroup[] = "parallelism_config.parallelism_config_";

// What shards and offloads: DeepSpeed, FSDP or nothing.
enum class Sharder { kNone, kFsdp, kDeepSpeed };

Sharder SharderOf(const Strategy& s) {
  if (s.ulysses > 1) return Sharder::kDeepSpeed;
  if (s.ring > 1 || s.tensor > 1) return Sharder::kFsdp;
  if (s.zero_stage == 0 && !s.offload_optimizer) return Sharder::kNone;
  if (s.zero_stage == 3 && s.offload_optimizer == s.offload_parameters)
    return Sharder::kFsdp;
  return s.zero_stage == 2 ? Sharder::kFsdp : Sharder::kDeepSpeed;
}

void ReadDegrees(Fields& fields, JobConfig& config) {
  const auto degree = [&](const std::string& name) {
    return fields.Degree(
        Locate(config.settings, absl::StrCat("parallelism_config_", name)));
  };
  Strategy& s = config.strategy;
  s.ring = degree("cp_size").value_or(1);
  s.ulysses = degree("sp_size").value_or(1);
  s.tensor = degree("tp_size").value_or(1);
  const auto replicate = degree("dp_replicate_size");
  const auto shard = degree("dp_shard_size");
  const uint64_t data = uint64_t{replicate.value_or(1)} * shard.value_or(1);
  // Where all are 1, accelerate makes every process a replica.
  if (data * s.ring * s.ulysses * s.tensor > 1 && (replicate || shard) &&
      data <= kMaxRanks) {
    s.data_parallel = static_cast<uint32_t>(data);
    config.data_parallel_said = true;
  }
  config.engine = s.ulysses > 1 ? Engine::kAlst : Engine::kTorchRing;
  if (s.ring > 1) s.token_order = TokenOrder::kZigzag;
}

void ReadSharding(Fields& fields, Strategy& s) {
  if (const auto stage = fields.Count("deepspeed_config.zero_stage", 0, 3))
    s.zero_stage = static_cast<uint32_t>(*stage);
  const auto on_host = [&](const char* path) {
    const auto device = fields.Word(path, {"none", "cpu", "nvme"});
    return device && *device != "none";
  };
  s.offload_optimizer = on_host("deepspeed_config.offload_optimizer_device");
  s.offload_parameters = on_host("deepspeed_config.offload_param_device");
  if (fields.Has("fsdp_config")) {
    const auto reshard = fields.Flag("fsdp_config.fsdp_reshard_after_forward");
    s.zero_stage = reshard.value_or(true) ? 3 : 2;
    fields.Count("fsdp_config.fsdp_version", 1, 2);
    if (fields.Flag("fsdp_config.fsdp_offload_params").value_or(false)) {
      s.offload_optimizer = true;
      s.offload_parameters = true;
    }
    if (fields.Flag("fsdp_config.fsdp_activation_checkpointing")
            .value_or(false))
      s.recompute = Recompute::kFull;
  }
}

void WriteDegrees(const JobConfig& config, Composer& out) {
  const Strategy& s = config.strategy;
  // A text that replicates goes on doing so where the degree allows it.
  const auto said = SaidCounts(
      config, Locate(config.settings, "parallelism_config_dp_replicate_size"));
  uint64_t replicate = said.empty() || said[0] == 0 ? 1 : said[0];
  if (s.data_parallel % replicate != 0) replicate = 1;
  if (SharderOf(s) == Sharder::kNone) replicate = s.data_parallel;
  const std::string group = kGroup;
  out.Count(group + "dp_replicate_size", replicate);
  out.Count(group + "dp_shard_size", s.data_parallel / replicate);
  out.Count(group + "tp_size", s.tensor);
  if (s.ulysses > 1) {
    out.Count(group + "sp_size", s.ulysses);
    out.Word(group + "sp_backend", "deepspeed");
  } else {
    out.Count(group + "cp_size", s.ring);
  }
}

void WriteSharding(const Strategy& s, Composer& out, Wording& wording) {
  switch (SharderOf(s)) {
    case Sharder::kNone:
      out.Word("distributed_type", "MULTI_GPU");
      break;
    case Sharder::kFsdp:
      out.Word("distributed_type", "FSDP");
      out.Count("fsdp_config.fsdp_version", 2);
      out.Flag("fsdp_config.fsdp_reshard_after_forward", s.zero_stage == 3);
      out.Flag("fsdp_config.fsdp_offload_params", s.offload_optimizer);
      out.Flag("fsdp_config.fsdp_activation_checkpointing",
               s.recompute == Recompute::kFull);
      return;
    case Sharder::kDeepSpeed:
      out.Word("distributed_type", "DEEPSPEED");
      out.Count("deepspeed_config.zero_stage", s.zero_stage);
      out.Word("deepspeed_config.offload_optimizer_device",
               s.offload_optimizer ? "cpu" : "none");
      out.Word("deepspeed_config.offload_param_device",
               s.offload_parameters ? "cpu" : "none");
      break;
  }
  if (s.recompute == Recompute::kFull) {
    wording.not_in_config.push_back("recompute");
    wording.script.push_back("model.gradient_checkpointing_enable()");
  }
}

std::string ScriptOf(const Strategy& s) {
  std::string line =
      absl::StrCat("ParallelismConfig(dp_shard_size=", s.data_parallel,
                   ", tp_size=", s.tensor);
  if (s.ulysses > 1) {
    absl::StrAppend(&line, ", sp_size=", s.ulysses,
                    ", sp_backend=\"deepspeed\", sp_handler="
                    "DeepSpeedSequenceParallelConfig("
                    "sp_attn_implementation=\"flash_attention_2\")");
  } else {
    absl::StrAppend(&line, ", cp_size=", s.ring);
  }
  return absl::StrCat("Accelerator(parallelism_config=", line, "))");
}

}  // namespace

ConfigOr ReadAccelerate(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadYaml("accelerate config", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kAccelerate;
  config.settings = *std::move(settings);
  Fields fields("accelerate config", config.settings);
  ReadDegrees(fields, config);
  ReadSharding(fields, config.strategy);
  fields.Word("distributed_type", {});
  for (const char* name : {"sp_backend", "cp_backend", "cp_comm_strategy",
                           "sp_attn_implementation"}) {
    const std::string at =
        Locate(config.settings, absl::StrCat("parallelism_config_", name));
    // Read for its type alone; it is written out as it was.
    fields.Word(at, {});
    for (Setting& setting : config.settings) {
      if (setting.path == at) setting.understood = false;
    }
  }
  if (const auto n = fields.Count(
          Locate(config.settings, "parallelism_config_sp_seq_length"), 1,
          kMaxSequenceLength))
    config.work.sequence = *n;
  if (const auto n = fields.Degree("num_processes")) config.ranks = *n;
  if (const auto word = fields.Word("mixed_precision", {}))
    config.work.element_bytes = *word == "bf16" || *word == "fp16" ? 2 : 4;
  if (const auto n = fields.Count(
          "deepspeed_config.gradient_accumulation_steps", 1, kMaxBatch))
    config.work.micro_batches = *n;
  return Finish(std::move(config), options, fields);
}

Wording WriteAccelerate(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Wording wording;
  Composer out;
  WriteSharding(s, out, wording);
  out.Word("mixed_precision", config.work.element_bytes == 2 ? "bf16" : "no");
  out.Count("num_processes",
            uint64_t{s.data_parallel} * s.ring * s.ulysses * s.tensor);
  if (SharderOf(s) == Sharder::kDeepSpeed) {
    out.Count("deepspeed_config.gradient_accumulation_steps",
              config.work.micro_batches);
  }
  WriteDegrees(config, out);
  if (config.work.sequence > 0 && s.ulysses > 1) {
    out.Count(absl::StrCat(kGroup, "sp_seq_length"), config.work.sequence);
  }
  wording.config = WriteYaml(out.With(config));
  wording.script.push_back(ScriptOf(s));
  return wording;
}

}  // namespace ithaca::planner
