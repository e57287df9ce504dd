// The parser asserts, on some texts that are no TOML, what it then finds out
// and reports by itself; no text may end the process.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/settings.h"
#include "daemon/planner/adapters/settings_tree.h"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

Json ValueOf(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* list = node.as_array()) {
    Json json = Json::array();
    for (const toml::node& item : *list) json.push_back(ValueOf(item));
    return json;
  }
  if (const auto* table = node.as_table()) {
    Json json = Json::object();
    for (const auto& [key, inner] : *table)
      json[std::string(key.str())] = ValueOf(inner);
    return json;
  }
  std::ostringstream text;  // a date or a time
  if (const auto* value = node.as_date()) text << *value;
  if (const auto* value = node.as_time()) text << *value;
  if (const auto* value = node.as_date_time()) text << *value;
  return text.str();
}

absl::Status Walk(absl::string_view what, const std::string& path,
                  const toml::table& table, int depth,
                  std::vector<Setting>& settings) {
  if (depth > kMaxSettingsDepth) {
    return SettingsError(
        what, absl::StrCat("nests deeper than ", kMaxSettingsDepth, " levels"));
  }
  for (const auto& [key, node] : table) {
    const std::string inner = JoinPath(path, std::string(key.str()));
    const toml::table* below = node.as_table();
    const size_t before = settings.size();
    absl::Status s = below != nullptr && !below->empty()
                         ? Walk(what, inner, *below, depth + 1, settings)
                         : Flatten(what, inner, ValueOf(node), settings);
    if (!s.ok()) return s;
    if (below == nullptr && settings.size() > before)
      settings.back().line = static_cast<int>(node.source().begin.line);
  }
  return absl::OkStatus();
}

// nullopt: TOML has no such value.
void Put(const Json& value, const std::string& key, toml::table& table);

toml::array ListOf(const Json& list) {
  toml::array array;
  for (const Json& item : list) {
    if (item.is_boolean()) array.push_back(item.get<bool>());
    if (item.is_number_integer()) array.push_back(item.get<int64_t>());
    if (item.is_number_float()) array.push_back(item.get<double>());
    if (item.is_string()) array.push_back(item.get<std::string>());
    if (item.is_array()) array.push_back(ListOf(item));
    if (item.is_object()) {
      toml::table inner;
      for (const auto& [name, below] : item.items()) Put(below, name, inner);
      array.push_back(std::move(inner));
    }
  }
  return array;
}

void Put(const Json& value, const std::string& key, toml::table& table) {
  if (value.is_boolean()) table.insert(key, value.get<bool>());
  if (value.is_number_integer()) table.insert(key, value.get<int64_t>());
  if (value.is_number_float()) table.insert(key, value.get<double>());
  if (value.is_string()) table.insert(key, value.get<std::string>());
  if (value.is_array()) table.insert(key, ListOf(value));
  if (value.is_object()) {
    toml::table inner;
    for (const auto& [name, below] : value.items()) Put(below, name, inner);
    table.insert(key, std::move(inner));
  }
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ReadToml(absl::string_view what,
                                              absl::string_view text) {
  if (absl::Status s = CheckLength(what, text); !s.ok()) return s;
  const toml::parse_result root =
      toml::parse(std::string_view(text.data(), text.size()));
  if (!root) {
    return SettingsError(what,
                         absl::StrCat("is not valid TOML: ",
                                      std::string(root.error().description())),
                         static_cast<int>(root.error().source().begin.line));
  }
  std::vector<Setting> settings;
  absl::Status s = Walk(what, "", root.table(), 0, settings);
  if (!s.ok()) return s;
  return settings;
}

std::string WriteToml(const std::vector<Setting>& settings) {
  toml::table table;
  const Json tree = TreeOf(settings);
  for (const auto& [key, value] : tree.items()) Put(value, key, table);
  std::ostringstream out;
  out << table << "\n";
  return out.str();
}

}  // namespace ithaca::planner
