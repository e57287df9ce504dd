#include "daemon/planner/adapters/compose.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/settings_tree.h"

namespace ithaca::planner {
namespace {

// Whether one path is the other or lies below it.
bool Overlap(const std::string& a, const std::string& b) {
  return a == b || absl::StartsWith(a, absl::StrCat(b, ".")) ||
         absl::StartsWith(b, absl::StrCat(a, "."));
}

}  // namespace

void Composer::Count(const std::string& path, uint64_t value) {
  Put(path, absl::StrCat(value));
}

void Composer::Number(const std::string& path, double value) {
  Put(path, Dump(value));
}

void Composer::Flag(const std::string& path, bool value) {
  Put(path, value ? "true" : "false");
}

void Composer::Word(const std::string& path, const std::string& value) {
  Put(path, Dump(value));
}

void Composer::Counts(const std::string& path,
                      const std::vector<uint64_t>& values) {
  Put(path, Dump(values));
}

void Composer::Words(const std::string& path,
                     const std::vector<std::string>& values) {
  Put(path, Dump(values));
}

void Composer::Put(const std::string& path, std::string value) {
  Setting setting;
  setting.path = path;
  setting.value = std::move(value);
  setting.understood = true;
  settings_.push_back(std::move(setting));
}

std::vector<Setting> Composer::With(const JobConfig& config) const {
  std::vector<Setting> all = settings_;
  for (const Setting& kept : config.settings) {
    const bool set = std::any_of(
        settings_.begin(), settings_.end(),
        [&](const Setting& s) { return Overlap(s.path, kept.path); });
    if (!kept.understood && !set) all.push_back(kept);
  }
  return all;
}

}  // namespace ithaca::planner
