#include "daemon/planner/known_models.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {
namespace {

#include "daemon/planner/known_models.inc"

std::vector<KnownModel> ReadTable() {
  const auto table = nlohmann::ordered_json::parse(kKnownModelsJson, nullptr,
                                                   /*allow_exceptions=*/false);
  std::vector<KnownModel> models;
  for (const auto& [name, entry] : table.items()) {
    models.push_back(
        {name, entry["source"].get<std::string>(), entry["config"].dump()});
  }
  return models;
}

// Length of what both begin with.
size_t CommonStart(const std::string& a, const std::string& b) {
  size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

}  // namespace

const std::vector<KnownModel>& KnownModels() {
  static const auto* const kModels = new std::vector<KnownModel>(ReadTable());
  return *kModels;
}

const KnownModel* FindKnownModel(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const KnownModel& model : KnownModels()) {
    if (model.name == lower) return &model;
  }
  return nullptr;
}

std::string NearestKnownModel(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  std::string nearest;
  size_t best = 2;  // two letters are no likeness
  for (const KnownModel& model : KnownModels()) {
    const size_t common = CommonStart(lower, model.name);
    if (common > best) {
      best = common;
      nearest = model.name;
    }
  }
  return nearest;
}

}  // namespace ithaca::planner
