#include "daemon/planner/adapters/check.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/settings.h"

namespace ithaca::planner {
namespace {

// What a config.json says beyond ModelDims.
void AddModel(const std::string& text, Subject& subject) {
  const auto settings = ReadJson("hugging_face_config", text);
  if (!settings.ok()) return;
  for (const Setting& setting : *settings) {
    const size_t dot = setting.path.rfind('.');
    const std::string key =
        dot == std::string::npos ? setting.path : setting.path.substr(dot + 1);
    if (setting.path == "model_type")
      subject.model_type = setting.value.substr(1, setting.value.size() - 2);
    if (key == "kv_lora_rank" && setting.value != "null")
      subject.latent_attention = true;
    if (absl::StrContains(setting.value, "linear_attention") ||
        key == "linear_num_value_heads" || key == "full_attention_interval")
      subject.linear_attention = true;
  }
}

// Whether the text itself packs documents.
bool SaysPacked(const JobConfig& config) {
  for (const Setting& setting : config.settings) {
    const std::string& path = setting.path;
    for (const char* key : {"packing", "packed_sequence", "reset_position_ids",
                            "sample_packing", "pack_samples"}) {
      if ((path == key || absl::EndsWith(path, absl::StrCat(".", key))) &&
          setting.value == "true")
        return true;
    }
    if (absl::StrContains(path, "packed_sequence_specs.")) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ConfigCheck> CheckConfig(Framework framework,
                                        absl::string_view text,
                                        const CheckContext& context) {
  ReadOptions options = context.read;
  if (context.model != nullptr && !options.query_heads)
    options.query_heads = context.model->query_heads;
  absl::StatusOr<JobConfig> config = ReadJobConfig(framework, text, options);
  if (!config.ok()) return config.status();
  ConfigCheck check;
  check.config = *std::move(config);
  Subject subject{check.config};
  subject.model = context.model;
  subject.window = context.window;
  subject.sequence =
      context.sequence > 0 ? context.sequence : check.config.work.sequence;
  subject.documents = context.documents;
  subject.packed = context.documents.size() > 1 || SaysPacked(check.config);
  subject.ranks_per_node = context.ranks_per_node;
  AddModel(context.hugging_face_config, subject);
  for (const Rule& rule : Rules()) {
    const std::optional<Hit> hit = rule.check(subject);
    if (!hit) continue;
    check.findings.push_back(
        {rule.code, rule.harm, hit->field, hit->message, hit->remedy});
    check.ok &= rule.harm == Harm::kSlow || rule.harm == Harm::kInfo;
  }
  return check;
}

}  // namespace ithaca::planner
