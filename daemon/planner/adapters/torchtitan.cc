// TorchTitan's TOML.
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

constexpr char kGroup[] = "parallelism.";

void ReadSharding(Fields& fields, JobConfig& config) {
  const std::string group = kGroup;
  Strategy& s = config.strategy;
  const auto replicate =
      fields.Degree(group + "data_parallel_replicate_degree");
  // Absent or -1: the rest of the ranks.
  const auto shard = fields.DegreeOrRest(group + "data_parallel_shard_degree");
  if (shard) {
    const uint64_t data = uint64_t{replicate.value_or(1)} * *shard;
    if (data > kMaxRanks) {
      fields.Fail(group + "data_parallel_shard_degree",
                  "makes more ranks than the planner takes; lower it");
      return;
    }
    s.data_parallel = static_cast<uint32_t>(data);
    config.data_parallel_said = true;
  }
  const auto reshard = fields.Word(group + "fsdp_reshard_after_forward",
                                   {"default", "always", "never"});
  const bool sharded = !shard || *shard > 1 || s.ring > 1 || s.ulysses > 1;
  const bool keeps =
      reshard == "never" ||
      (reshard.value_or("default") == "default" && s.pipeline > 1);
  s.zero_stage = !sharded ? 0 : keeps ? 2 : 3;
}

void ReadDegrees(Fields& fields, JobConfig& config) {
  const std::string group = kGroup;
  Strategy& s = config.strategy;
  const uint32_t context =
      fields.Degree(group + "context_parallel_degree").value_or(1);
  const auto way = fields.Word(group + "context_parallel_strategy", {});
  if (way == "ulysses") {
    s.ulysses = context;
    config.engine = Engine::kTorchUlysses;
  } else {
    s.ring = context;
    config.engine = Engine::kTorchRing;
    if (s.ring > 1) s.token_order = TokenOrder::kZigzag;
  }
  s.tensor = fields.Degree(group + "tensor_parallel_degree").value_or(1);
  s.pipeline = fields.Degree(group + "pipeline_parallel_degree").value_or(1);
  s.expert_parallel =
      fields.Degree(group + "expert_parallel_degree").value_or(1);
}

}  // namespace

ConfigOr ReadTorchtitan(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadToml("torchtitan config", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kTorchtitan;
  config.settings = *std::move(settings);
  Fields fields("torchtitan config", config.settings);
  Strategy& s = config.strategy;
  ReadDegrees(fields, config);
  ReadSharding(fields, config);
  const auto recompute =
      fields.Word("activation_checkpoint.mode",
                  {"none", "selective", "full", "memory_budget"});
  if (recompute == "full") s.recompute = Recompute::kFull;
  if (recompute == "selective") s.recompute = Recompute::kSelective;
  if (fields.Flag("training.enable_cpu_offload").value_or(false)) {
    s.offload_optimizer = true;
    s.offload_parameters = true;
  }
  if (const auto n = fields.Count("training.seq_len", 1, kMaxSequenceLength))
    config.work.sequence = *n;
  if (const auto n = fields.Count("training.local_batch_size", 1, kMaxBatch))
    config.work.batch = *n;
  return Finish(std::move(config), options, fields);
}

Wording WriteTorchtitan(const JobConfig& config) {
  const Strategy& s = config.strategy;
  const std::string group = kGroup;
  Composer out;
  if (s.zero_stage == 0) {
    out.Count(group + "data_parallel_replicate_degree", s.data_parallel);
    out.Count(group + "data_parallel_shard_degree", 1);
  } else {
    const auto said =
        SaidCounts(config, group + "data_parallel_replicate_degree");
    uint64_t replicate = said.empty() || said[0] == 0 ? 1 : said[0];
    if (s.data_parallel % replicate != 0) replicate = 1;
    const uint64_t shard = s.data_parallel / replicate;
    out.Count(group + "data_parallel_replicate_degree", replicate);
    // -1 is the rest; alone it turns sharding on where that rest is 1.
    if (shard > 1 || s.ring > 1 || s.ulysses > 1) {
      out.Count(group + "data_parallel_shard_degree", shard);
    } else {
      out.Number(group + "data_parallel_shard_degree", -1);
    }
    out.Word(group + "fsdp_reshard_after_forward",
             s.zero_stage == 3 ? "always" : "never");
  }
  out.Count(group + "tensor_parallel_degree", s.tensor);
  out.Count(group + "pipeline_parallel_degree", s.pipeline);
  out.Count(group + "context_parallel_degree", uint64_t{s.ring} * s.ulysses);
  if (s.ulysses > 1) {
    out.Word(group + "context_parallel_strategy", "ulysses");
  } else if (const auto way =
                 SaidWord(config, group + "context_parallel_strategy")) {
    if (*way != "ulysses") out.Word(group + "context_parallel_strategy", *way);
  }
  if (s.expert_parallel > 1)
    out.Count(group + "expert_parallel_degree", s.expert_parallel);
  out.Word("activation_checkpoint.mode", WordOf(s.recompute));
  if (s.offload_optimizer) out.Flag("training.enable_cpu_offload", true);
  out.Count("training.local_batch_size", config.work.batch);
  if (config.work.sequence > 0)
    out.Count("training.seq_len", config.work.sequence);
  Wording wording;
  wording.config = WriteToml(out.With(config));
  return wording;
}

}  // namespace ithaca::planner
