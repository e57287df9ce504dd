#include "daemon/planner/adapters/fields.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxDegree = 65536;

Json Parse(const Setting& setting) {
  Json value = Json::parse(setting.value, nullptr, false);
  return value.is_discarded() ? Json(setting.value) : value;
}

// Absent as far as the reader is concerned.
bool IsOpen(const Json& value) { return value.is_null() || value == "auto"; }

// The value, cut short for a message.
std::string Shown(const Setting& setting) {
  constexpr size_t kShown = 40;
  if (setting.value.size() <= kShown) return setting.value;
  return setting.value.substr(0, kShown) + "...";
}

// A whole number; JSON's 8.0 is one too, as Python has it for int(8.0) in YAML
// and command lines alike.
std::optional<int64_t> WholeOf(const Json& value) {
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX))
    return value.get<int64_t>();
  if (value.is_number_integer() && !value.is_number_unsigned())
    return value.get<int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::floor(number) == number && std::fabs(number) < 9e15)
      return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

std::string OneOf(std::initializer_list<const char*> words) {
  return absl::StrCat("use one of ", absl::StrJoin(words, ", "));
}

bool Contains(std::initializer_list<const char*> words,
              const std::string& word) {
  return words.size() == 0 ||
         std::any_of(words.begin(), words.end(),
                     [&](const char* known) { return word == known; });
}

}  // namespace

Setting* Fields::Find(absl::string_view path) {
  for (Setting& setting : settings_) {
    if (setting.path == path) return &setting;
  }
  return nullptr;
}

bool Fields::Has(absl::string_view path) const {
  const std::string below = absl::StrCat(path, ".");
  return std::any_of(
      settings_.begin(), settings_.end(), [&](const Setting& setting) {
        return setting.path == path || absl::StartsWith(setting.path, below);
      });
}

void Fields::Understand(absl::string_view path) {
  const std::string below = absl::StrCat(path, ".");
  for (Setting& setting : settings_) {
    if (setting.path == path || absl::StartsWith(setting.path, below))
      setting.understood = true;
  }
}

void Fields::Fail(absl::string_view path, absl::string_view problem) {
  if (!status_.ok()) return;
  const Setting* setting = Find(path);
  std::string line;
  if (setting != nullptr && setting->line > 0)
    line = absl::StrCat("line ", setting->line, ": ");
  status_ = absl::InvalidArgumentError(
      absl::StrCat(what_, ".", path, ": ", line, problem));
}

std::optional<uint64_t> Fields::Count(absl::string_view path, uint64_t low,
                                      uint64_t high) {
  Setting* setting = Find(path);
  if (setting == nullptr) return std::nullopt;
  const Json value = Parse(*setting);
  if (IsOpen(value)) return std::nullopt;
  const std::optional<int64_t> whole = WholeOf(value);
  if (!whole || *whole < 0 || static_cast<uint64_t>(*whole) < low ||
      static_cast<uint64_t>(*whole) > high) {
    Fail(path,
         absl::StrCat("is ", Shown(*setting), "; write a whole number between ",
                      low, " and ", high));
    return std::nullopt;
  }
  setting->understood = true;
  return static_cast<uint64_t>(*whole);
}

std::optional<uint32_t> Fields::Degree(absl::string_view path) {
  const std::optional<uint64_t> count = Count(path, 1, kMaxDegree);
  if (!count) return std::nullopt;
  return static_cast<uint32_t>(*count);
}

std::optional<uint32_t> Fields::DegreeOrRest(absl::string_view path) {
  Setting* setting = Find(path);
  if (setting != nullptr && WholeOf(Parse(*setting)) == -1) {
    setting->understood = true;
    return std::nullopt;
  }
  return Degree(path);
}

std::optional<double> Fields::Number(absl::string_view path, double low,
                                     double high) {
  Setting* setting = Find(path);
  if (setting == nullptr) return std::nullopt;
  const Json value = Parse(*setting);
  if (IsOpen(value)) return std::nullopt;
  double number = std::nan("");
  if (value.is_number()) number = value.get<double>();
  if (value.is_string() &&
      !absl::SimpleAtod(value.get_ref<const std::string&>(), &number))
    number = std::nan("");
  if (!(number >= low && number <= high)) {
    Fail(path, absl::StrCat("is ", Shown(*setting), "; write a number between ",
                            low, " and ", high));
    return std::nullopt;
  }
  setting->understood = true;
  return number;
}

std::optional<bool> Fields::Flag(absl::string_view path) {
  Setting* setting = Find(path);
  if (setting == nullptr) return std::nullopt;
  const Json value = Parse(*setting);
  if (IsOpen(value)) return std::nullopt;
  if (!value.is_boolean()) {
    Fail(path, absl::StrCat("is ", Shown(*setting), "; write true or false"));
    return std::nullopt;
  }
  setting->understood = true;
  return value.get<bool>();
}

std::optional<std::string> Fields::Word(
    absl::string_view path, std::initializer_list<const char*> words) {
  Setting* setting = Find(path);
  if (setting == nullptr) return std::nullopt;
  const Json value = Parse(*setting);
  if (IsOpen(value)) return std::nullopt;
  if (!value.is_string() ||
      !Contains(words, value.get_ref<const std::string&>())) {
    Fail(path, absl::StrCat("is ", Shown(*setting), "; ",
                            words.size() == 0 ? "write a word" : OneOf(words)));
    return std::nullopt;
  }
  setting->understood = true;
  return value.get<std::string>();
}

std::vector<uint64_t> Fields::Counts(absl::string_view path, uint64_t low,
                                     uint64_t high) {
  Setting* setting = Find(path);
  if (setting == nullptr) return {};
  Json value = Parse(*setting);
  if (IsOpen(value)) return {};
  if (!value.is_array()) value = Json::array({value});
  std::vector<uint64_t> counts;
  for (const Json& item : value) {
    const std::optional<int64_t> whole = WholeOf(item);
    if (!whole || *whole < 0 || static_cast<uint64_t>(*whole) < low ||
        static_cast<uint64_t>(*whole) > high) {
      Fail(path,
           absl::StrCat("is ", Shown(*setting),
                        "; write whole numbers between ", low, " and ", high));
      return {};
    }
    counts.push_back(static_cast<uint64_t>(*whole));
  }
  setting->understood = true;
  return counts;
}

std::vector<std::string> Fields::Words(
    absl::string_view path, std::initializer_list<const char*> words) {
  Setting* setting = Find(path);
  if (setting == nullptr) return {};
  Json value = Parse(*setting);
  if (IsOpen(value)) return {};
  if (!value.is_array()) value = Json::array({value});
  std::vector<std::string> list;
  for (const Json& item : value) {
    if (!item.is_string() ||
        !Contains(words, item.get_ref<const std::string&>())) {
      Fail(path,
           absl::StrCat("is ", Shown(*setting), "; ",
                        words.size() == 0 ? "write words" : OneOf(words)));
      return {};
    }
    list.push_back(item.get<std::string>());
  }
  setting->understood = true;
  return list;
}

}  // namespace ithaca::planner
