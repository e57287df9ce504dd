#include "daemon/planner/adapters/job_config.h"

#include "absl/strings/numbers.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

// Null when there is none.
Json ValueAt(const JobConfig& config, absl::string_view path) {
  const Setting* setting = FindSetting(config, path);
  if (setting == nullptr) return nullptr;
  Json value = Json::parse(setting->value, nullptr, false);
  return value.is_discarded() ? Json(nullptr) : value;
}

}  // namespace

const Setting* FindSetting(const JobConfig& config, absl::string_view path) {
  for (const Setting& setting : config.settings) {
    if (setting.path == path) return &setting;
  }
  return nullptr;
}

std::optional<std::string> SaidWord(const JobConfig& config,
                                    absl::string_view path) {
  const Json value = ValueAt(config, path);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::optional<bool> SaidFlag(const JobConfig& config, absl::string_view path) {
  const Json value = ValueAt(config, path);
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

std::optional<double> SaidNumber(const JobConfig& config,
                                 absl::string_view path) {
  const Json value = ValueAt(config, path);
  if (value.is_number()) return value.get<double>();
  double number = 0;
  if (value.is_string() &&
      absl::SimpleAtod(value.get_ref<const std::string&>(), &number))
    return number;
  return std::nullopt;
}

std::vector<uint64_t> SaidCounts(const JobConfig& config,
                                 absl::string_view path) {
  Json value = ValueAt(config, path);
  if (!value.is_array()) value = Json::array({value});
  std::vector<uint64_t> counts;
  for (const Json& item : value) {
    if (item.is_number_unsigned() || (item.is_number_integer() && item >= 0))
      counts.push_back(item.get<uint64_t>());
  }
  return counts;
}

std::vector<std::string> SaidWords(const JobConfig& config,
                                   absl::string_view path) {
  Json value = ValueAt(config, path);
  if (!value.is_array()) value = Json::array({value});
  std::vector<std::string> words;
  for (const Json& item : value) {
    if (item.is_string()) words.push_back(item.get<std::string>());
  }
  return words;
}

std::vector<std::string> NotUnderstood(const JobConfig& config) {
  std::vector<std::string> paths;
  for (const Setting& setting : config.settings) {
    if (!setting.understood) paths.push_back(setting.path);
  }
  return paths;
}

}  // namespace ithaca::planner
