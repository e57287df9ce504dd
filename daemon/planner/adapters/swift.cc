// ms-swift: options or YAML.
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/compose.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/reading.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

// The built-in names of --deepspeed.
struct Zero {
  uint32_t stage;
  bool offload;
};
const std::map<std::string, Zero>& ZeroByName() {
  static const auto* const kZero = new std::map<std::string, Zero>{
      {"zero0", {0, false}},        {"zero1", {1, false}},
      {"zero2", {2, false}},        {"zero3", {3, false}},
      {"zero2_offload", {2, true}}, {"zero3_offload", {3, true}},
  };
  return *kZero;
}

void ReadZero(Fields& fields, JobConfig& config) {
  const auto word = fields.Word("deepspeed", {});
  if (!word) return;
  const auto known = ZeroByName().find(*word);
  if (known == ZeroByName().end()) {
    // A file of its own; kept as it is.
    for (Setting& setting : config.settings) {
      if (setting.path == "deepspeed") setting.understood = false;
    }
    return;
  }
  config.strategy.zero_stage = known->second.stage;
  config.strategy.offload_optimizer = known->second.offload;
  config.strategy.offload_parameters =
      known->second.offload && known->second.stage == 3;
}

// Processes, as swift takes them from the environment.
void ReadRanks(Fields& fields, JobConfig& config) {
  const auto per_node = fields.Degree("NPROC_PER_NODE");
  const auto nodes = fields.Degree("NNODES");
  const uint64_t ranks =
      uint64_t{per_node.value_or(1)} * uint64_t{nodes.value_or(1)};
  if (per_node && ranks <= kMaxRanks)
    config.ranks = static_cast<uint32_t>(ranks);
}

}  // namespace

ConfigOr ReadSwift(absl::string_view text, const ReadOptions& options) {
  absl::StatusOr<std::vector<Setting>> settings =
      ReadWordsOrYaml("swift", text);
  if (!settings.ok()) return settings.status();
  JobConfig config;
  config.framework = Framework::kSwift;
  config.engine = Engine::kSwift;
  config.settings = *std::move(settings);
  Fields fields("swift", config.settings);
  Strategy& s = config.strategy;
  const uint32_t degree = fields.Degree("sequence_parallel_size").value_or(1);
  // Swift splits by itself: as many heads as divide, the rest in a ring.
  s.ulysses = std::gcd(options.query_heads.value_or(degree), degree);
  s.ring = degree / s.ulysses;
  if (s.ring > 1) s.token_order = TokenOrder::kZigzag;
  ReadZero(fields, config);
  s.recompute = fields.Flag("gradient_checkpointing").value_or(true)
                    ? Recompute::kFull
                    : Recompute::kNone;
  s.tiled_loss = fields.Flag("use_liger_kernel").value_or(false);
  if (const auto n = fields.Count("max_length", 1, kMaxSequenceLength))
    config.work.sequence = *n;
  if (const auto n = fields.Count("per_device_train_batch_size", 1, kMaxBatch))
    config.work.batch = *n;
  if (const auto n = fields.Count("gradient_accumulation_steps", 1, kMaxBatch))
    config.work.micro_batches = *n;
  ReadRanks(fields, config);
  return Finish(std::move(config), options, fields);
}

Wording WriteSwift(const JobConfig& config) {
  const Strategy& s = config.strategy;
  Composer out;
  out.Count("sequence_parallel_size", uint64_t{s.ulysses} * s.ring);
  // A ring needs it.
  if (s.ring > 1) out.Flag("padding_free", true);
  out.Word("attn_impl", SaidWord(config, "attn_impl").value_or("flash_attn"));
  const Setting* file = FindSetting(config, "deepspeed");
  if (file == nullptr || file->understood) {
    out.Word("deepspeed", absl::StrCat("zero", s.zero_stage,
                                       s.offload_optimizer ? "_offload" : ""));
  }
  out.Flag("gradient_checkpointing", s.recompute == Recompute::kFull);
  if (s.tiled_loss) out.Flag("use_liger_kernel", true);
  out.Count("per_device_train_batch_size", config.work.batch);
  out.Count("gradient_accumulation_steps", config.work.micro_batches);
  if (config.work.sequence > 0) out.Count("max_length", config.work.sequence);
  Wording wording;
  std::vector<Setting> settings = out.With(config);
  // The environment comes before the command, not among its options.
  std::vector<Setting> options;
  for (Setting& setting : settings) {
    if (setting.path != "NPROC_PER_NODE" && setting.path != "NNODES")
      options.push_back(std::move(setting));
  }
  wording.config = absl::StrCat(
      "NPROC_PER_NODE=", uint64_t{s.data_parallel} * s.ulysses * s.ring,
      " \\\n", WriteOptions(options, '_'));
  return wording;
}

}  // namespace ithaca::planner
