// DeepSpeed's ds_config, alone (DistributedAttention) and within
// ArcticTraining's YAML (ALST).
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

// What a ds_config says at `prefix`: "" or "deepspeed.".
void ReadZero(const std::string& prefix, Fields& fields, Strategy& s) {
  const std::string zero = prefix + "zero_optimization";
  if (const auto stage = fields.Count(zero + ".stage", 0, 3))
    s.zero_stage = static_cast<uint32_t>(*stage);
  const auto on_host = [&](const std::string& path) {
    const auto device = fields.Word(path, {"none", "cpu", "nvme"});
    return device && *device != "none";
  };
  s.offload_optimizer = on_host(zero + ".offload_optimizer.device");
  s.offload_parameters = on_host(zero + ".offload_param.device");
}

void ReadBatch(const std::string& prefix, Fields& fields, Work& work) {
  if (const auto n =
          fields.Count(prefix + "train_micro_batch_size_per_gpu", 1, kMaxBatch))
    work.batch = *n;
  if (const auto n =
          fields.Count(prefix + "gradient_accumulation_steps", 1, kMaxBatch))
    work.micro_batches = *n;
}

void ReadType(const std::string& prefix, Fields& fields, Work& work) {
  const auto bf16 = fields.Flag(prefix + "bf16.enabled");
  const auto fp16 = fields.Flag(prefix + "fp16.enabled");
  if (bf16 || fp16)
    work.element_bytes = bf16.value_or(false) || fp16.value_or(false) ? 2 : 4;
}

void WriteZero(const std::string& prefix, const Strategy& s, Composer& out) {
  const std::string zero = prefix + "zero_optimization";
  out.Count(zero + ".stage", s.zero_stage);
  if (s.offload_optimizer) out.Word(zero + ".offload_optimizer.device", "cpu");
  if (s.offload_parameters) out.Word(zero + ".offload_param.device", "cpu");
}

void WriteType(const Work& work, Composer& out) {
  out.Flag(work.element_bytes == 4 ? "fp16.enabled" : "bf16.enabled",
           work.element_bytes == 2);
}

}  // namespace

ConfigOr ReadDeepSpeed(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings = ReadJson("ds_config", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kDeepSpeed;
  config.settings = *std::move(settings);
  Fields fields("ds_config", config.settings);
  Strategy& s = config.strategy;
  s.ulysses = fields.Degree("sequence_parallel_size").value_or(1);
  if (const auto dp = fields.Degree("data_parallel_size")) {
    s.data_parallel = *dp;
    config.data_parallel_said = true;
  }
  if (const auto tp = fields.Count("tensor_parallel.autotp_size", 0, kMaxRanks))
    s.tensor = *tp == 0 ? 1 : static_cast<uint32_t>(*tp);
  ReadZero("", fields, s);
  ReadBatch("", fields, config.work);
  ReadType("", fields, config.work);
  if (fields.Has("activation_checkpointing")) {
    s.recompute = Recompute::kFull;
    s.offload_checkpoints =
        fields.Flag("activation_checkpointing.cpu_checkpointing")
            .value_or(false);
  }
  config.engine = EngineOf(Framework::kDeepSpeed, s);
  return Finish(std::move(config), options, fields);
}

Wording WriteDeepSpeed(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Wording wording;
  Composer out;
  // Both, or DeepSpeed makes no mesh of them.
  out.Count("data_parallel_size", s.data_parallel);
  out.Count("sequence_parallel_size", s.ulysses);
  if (s.tensor > 1) out.Count("tensor_parallel.autotp_size", s.tensor);
  WriteZero("", s, out);
  out.Count("train_micro_batch_size_per_gpu", config.work.batch);
  out.Count("gradient_accumulation_steps", config.work.micro_batches);
  WriteType(config.work, out);
  if (s.recompute == Recompute::kFull) {
    out.Flag("activation_checkpointing.cpu_checkpointing",
             s.offload_checkpoints);
    wording.script.push_back(
        "model.gradient_checkpointing_enable()  # or "
        "deepspeed.checkpointing.checkpoint around each layer");
  }
  if (s.ulysses > 1) {
    wording.script.push_back(
        absl::StrCat("deepspeed.initialize(..., mesh_param=(", s.data_parallel,
                     ", ", s.ulysses, "))  # (data, sequence)"));
    wording.script.push_back(
        "attention = DistributedAttention(attention, "
        "groups._get_sequence_parallel_group())");
  }
  wording.config = WriteJson(out.With(config));
  return wording;
}

ConfigOr ReadAlst(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings = ReadYaml("config", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kAlst;
  config.engine = Engine::kAlst;
  config.settings = *std::move(settings);
  Fields fields("config", config.settings);
  Strategy& s = config.strategy;
  const std::string prefix = fields.Has("deepspeed") ? "deepspeed." : "";
  s.ulysses = fields.Degree("sequence_parallel_size").value_or(1);
  ReadZero(prefix, fields, s);
  ReadBatch(prefix, fields, config.work);
  ReadType(prefix, fields, config.work);
  if (const auto n = fields.Count("micro_batch_size", 1, kMaxBatch))
    config.work.batch = *n;
  if (const auto n = fields.Count("gradient_accumulation_steps", 1, kMaxBatch))
    config.work.micro_batches = *n;
  if (const auto n = fields.Count("data.max_length", 1, kMaxSequenceLength))
    config.work.sequence = *n;
  s.recompute =
      fields.Flag("model.disable_activation_checkpoint").value_or(false)
          ? Recompute::kNone
          : Recompute::kFull;
  s.offload_checkpoints =
      fields.Flag("activation_checkpoint_cpu_offload").value_or(false);
  s.tiled_mlp = fields.Flag("tiled_mlp_compute").value_or(false);
  // Liger's loss never holds all logits.
  s.tiled_loss = fields.Word("model.type", {}).value_or("") == "liger";
  fields.Word("model.attn_implementation", {});
  return Finish(std::move(config), options, fields);
}

Wording WriteAlst(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Wording wording;
  Composer out;
  out.Count("micro_batch_size", config.work.batch);
  out.Count("gradient_accumulation_steps", config.work.micro_batches);
  out.Count("sequence_parallel_size", s.ulysses);
  if (s.recompute == Recompute::kNone) {
    out.Flag("model.disable_activation_checkpoint", true);
  } else {
    out.Flag("activation_checkpoint_cpu_offload", s.offload_checkpoints);
  }
  out.Flag("tiled_mlp_compute", s.tiled_mlp);
  if (s.tiled_loss) {
    out.Word("model.type", "liger");
  } else if (const auto type = SaidWord(config, "model.type")) {
    if (*type != "liger") out.Word("model.type", *type);
  }
  out.Word("model.attn_implementation",
           SaidWord(config, "model.attn_implementation")
               .value_or("flash_attention_2"));
  if (config.work.sequence > 0)
    out.Count("data.max_length", config.work.sequence);
  WriteZero("deepspeed.", s, out);
  wording.config = WriteYaml(out.With(config));
  return wording;
}

}  // namespace ithaca::planner
