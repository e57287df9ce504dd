#include <yaml-cpp/yaml.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/settings.h"
#include "daemon/planner/adapters/settings_tree.h"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

// A plain scalar by YAML's core schema; a quoted one is a string.
Json ScalarOf(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text.empty() || text == "~" || text == "null" || text == "Null" ||
      text == "NULL")
    return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (absl::StrContains("-+.0123456789", text.substr(0, 1))) {
    int64_t whole = 0;
    if (absl::SimpleAtoi(text, &whole)) return whole;
    double number = 0;
    if (text.find_first_of("xXnN") == std::string::npos &&
        absl::SimpleAtod(text, &number))
      return number;
  }
  return text;
}

class Reader {
 public:
  explicit Reader(absl::string_view what) : what_(what) {}

  absl::Status Walk(const std::string& path, const YAML::Node& node,
                    int depth) {
    if (node.IsMap() && node.size() > 0) return WalkMap(path, node, depth);
    if (path.empty()) return absl::OkStatus();
    const int line = node.Mark().line + 1;
    absl::StatusOr<Json> value = ValueOf(node, depth);
    if (!value.ok()) return value.status();
    const size_t before = settings_.size();
    absl::Status s = Flatten(what_, path, *value, settings_);
    if (settings_.size() > before) settings_.back().line = line;
    return s;
  }

  std::vector<Setting> Take() { return std::move(settings_); }

 private:
  absl::Status Bound(const YAML::Node& node, int depth) {
    if (depth > kMaxSettingsDepth) {
      return SettingsError(
          what_,
          absl::StrCat("nests deeper than ", kMaxSettingsDepth, " levels"),
          node.Mark().line + 1);
    }
    // Counts what aliases repeat, too.
    if (++nodes_ > 4 * kMaxSettings)
      return SettingsError(what_, "has too many values");
    return absl::OkStatus();
  }

  absl::Status WalkMap(const std::string& path, const YAML::Node& node,
                       int depth) {
    if (absl::Status s = Bound(node, depth); !s.ok()) return s;
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const int line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar())
        return SettingsError(what_, "has a key that is no word", line);
      const std::string& key = entry.first.Scalar();
      if (!seen.insert(key).second) {
        return SettingsError(
            what_, absl::StrCat("has the key \"", key, "\" twice; keep one"),
            line);
      }
      absl::Status s = Walk(JoinPath(path, key), entry.second, depth + 1);
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Json> ValueOf(const YAML::Node& node, int depth) {
    if (absl::Status s = Bound(node, depth); !s.ok()) return s;
    if (node.IsScalar()) return ScalarOf(node);
    if (node.IsSequence()) {
      Json list = Json::array();
      for (const YAML::Node& item : node) {
        absl::StatusOr<Json> value = ValueOf(item, depth + 1);
        if (!value.ok()) return value.status();
        list.push_back(*std::move(value));
      }
      return list;
    }
    if (node.IsMap()) {
      Json map = Json::object();
      for (const auto& entry : node) {
        absl::StatusOr<Json> value = ValueOf(entry.second, depth + 1);
        if (!value.ok()) return value.status();
        if (entry.first.IsScalar()) map[entry.first.Scalar()] = *value;
      }
      return map;
    }
    return Json(nullptr);
  }

  const std::string what_;
  size_t nodes_ = 0;
  std::vector<Setting> settings_;
};

// Nesting that would cost the parser its stack, before it sees it.
bool TooDeep(absl::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > 4 * kMaxSettingsDepth) return true;
  }
  return false;
}

void Emit(const Json& value, YAML::Emitter& out) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, inner] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      Emit(inner, out);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::Flow << YAML::BeginSeq;
    for (const Json& inner : value) Emit(inner, out);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    // What would read as another type, or as none, is quoted.
    YAML::Node plain(text);
    const bool safe = ScalarOf(plain).is_string() && !text.empty() &&
                      text.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789_./+-") == std::string::npos &&
                      text[0] != '-';
    if (!safe) out << YAML::DoubleQuoted;
    out << text;
  } else {
    out << Dump(value);
  }
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ReadYaml(absl::string_view what,
                                              absl::string_view text) {
  if (absl::Status s = CheckLength(what, text); !s.ok()) return s;
  if (TooDeep(text)) {
    return SettingsError(
        what, absl::StrCat("nests deeper than ", kMaxSettingsDepth, " levels"));
  }
  // yaml-cpp reports by exceptions; none leaves this function.
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap())
      return SettingsError(what, "is not a map of settings in YAML");
    Reader reader(what);
    if (absl::Status s = reader.Walk("", root, 0); !s.ok()) return s;
    return reader.Take();
  } catch (const YAML::Exception& e) {
    return SettingsError(what, absl::StrCat("is not valid YAML: ", e.msg),
                         e.mark.line + 1);
  } catch (const std::exception& e) {
    return SettingsError(what, absl::StrCat("is not valid YAML: ", e.what()));
  }
}

std::string WriteYaml(const std::vector<Setting>& settings) {
  YAML::Emitter out;
  Emit(TreeOf(settings), out);
  return std::string(out.c_str()) + "\n";
}

}  // namespace ithaca::planner
