#include "daemon/planner/adapters/settings_tree.h"

#include "absl/strings/str_cat.h"

namespace ithaca::planner {

using Json = nlohmann::ordered_json;

absl::Status SettingsError(absl::string_view what, absl::string_view problem,
                           int line) {
  if (line > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": line ", line, ": ", problem));
  }
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", problem));
}

absl::Status CheckLength(absl::string_view what, absl::string_view text) {
  if (text.size() <= kMaxSettingsBytes) return absl::OkStatus();
  return SettingsError(what,
                       absl::StrCat("is ", text.size(), " bytes, at most ",
                                    kMaxSettingsBytes, " are read"));
}

std::string JoinPath(const std::string& path, absl::string_view key) {
  std::string joined = path;
  if (!path.empty()) joined += '.';
  for (const char c : key) {
    if (c == '.' || c == '\\') joined += '\\';
    joined += c;
  }
  return joined;
}

std::vector<std::string> SplitPath(absl::string_view path) {
  std::vector<std::string> keys(1);
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) {
      keys.back() += path[++i];
    } else if (path[i] == '.') {
      keys.emplace_back();
    } else {
      keys.back() += path[i];
    }
  }
  return keys;
}

absl::Status Flatten(absl::string_view what, const std::string& path,
                     const Json& value, std::vector<Setting>& settings) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, inner] : value.items()) {
      absl::Status s = Flatten(what, JoinPath(path, key), inner, settings);
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }
  if (path.empty()) return absl::OkStatus();  // an empty map says nothing
  if (settings.size() >= kMaxSettings) {
    return SettingsError(
        what, absl::StrCat("has more than ", kMaxSettings, " settings"));
  }
  Setting setting;
  setting.path = path;
  setting.value = Dump(value);
  settings.push_back(std::move(setting));
  return absl::OkStatus();
}

Json TreeOf(const std::vector<Setting>& settings) {
  Json root = Json::object();
  for (const Setting& setting : settings) {
    Json* at = &root;
    for (const std::string& key : SplitPath(setting.path)) {
      if (!at->is_object()) *at = Json::object();
      at = &(*at)[key];
    }
    *at = Json::parse(setting.value, nullptr, /*allow_exceptions=*/false);
    if (at->is_discarded()) *at = setting.value;
  }
  return root;
}

std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ithaca::planner
