#include "daemon/cli/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace ithaca::cli {
namespace {

using Json = nlohmann::ordered_json;

// Words that YAML would take for something else than a string.
bool IsReserved(const std::string& text) {
  static const char* const kWords[] = {"true", "false", "null", "yes",
                                       "no",   "on",    "off"};
  std::string lower = text;
  std::transform(
      lower.begin(), lower.end(), lower.begin(),
      [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(std::begin(kWords), std::end(kWords), lower) !=
         std::end(kWords);
}

bool IsPlain(const std::string& text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  const auto inner = [&letter](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '/';
  };
  return !text.empty() && letter(text[0]) &&
         std::all_of(text.begin(), text.end(), inner) && !IsReserved(text);
}

// A JSON string is a YAML string.
std::string Scalar(const Json& value) {
  if (value.is_string() && IsPlain(value.get<std::string>()))
    return value.get<std::string>();
  return value.dump();
}

void Emit(const Json& value, const std::string& indent, std::string* out);

// What follows "key:" or "-".
void EmitChild(const Json& value, const std::string& indent, std::string* out) {
  if (!value.is_structured() || value.empty()) {
    absl::StrAppend(out, " ", Scalar(value), "\n");
    return;
  }
  absl::StrAppend(out, "\n");
  Emit(value, indent, out);
}

void Emit(const Json& value, const std::string& indent, std::string* out) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      absl::StrAppend(out, indent, Scalar(Json(key)), ":");
      EmitChild(child, indent + "  ", out);
    }
    return;
  }
  for (const Json& child : value) {
    if (!child.is_structured() || child.empty()) {
      absl::StrAppend(out, indent, "- ", Scalar(child), "\n");
      continue;
    }
    std::string block;
    Emit(child, indent + "  ", &block);
    block[indent.size()] = '-';
    absl::StrAppend(out, block);
  }
}

}  // namespace

absl::StatusOr<Format> ParseFormat(const std::string& name) {
  if (name.empty() || name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  if (name == "yaml") return Format::kYaml;
  return absl::InvalidArgumentError(
      absl::StrCat("-o ", name, ": is not a format; use table, json or yaml"));
}

absl::StatusOr<std::string> JsonToYaml(const std::string& json) {
  const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("not JSON");
  std::string yaml;
  if (!value.is_structured() || value.empty())
    return absl::StrCat(Scalar(value), "\n");
  Emit(value, "", &yaml);
  return yaml;
}

std::string Render(const google::protobuf::Message& message, Format format) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  // Fails for hand-made Any and Timestamp values alone, which no answer has.
  if (!status.ok())
    return absl::StrCat("cannot print: ", status.ToString(), "\n");
  if (format == Format::kJson) return json;
  const absl::StatusOr<std::string> yaml = JsonToYaml(json);
  return yaml.ok() ? *yaml : json;
}

std::string Render(const nlohmann::ordered_json& answer, Format format) {
  const std::string json = answer.dump(1) + "\n";
  if (format == Format::kJson) return json;
  const absl::StatusOr<std::string> yaml = JsonToYaml(json);
  return yaml.ok() ? *yaml : json;
}

std::string Columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace ithaca::cli
