// How answers are printed: as a table for people, as JSON (proto3's mapping,
// every field) or as the same in YAML for programs.
//
// Used by every command. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLI_OUTPUT_H_
#define ITHACA_DAEMON_CLI_OUTPUT_H_

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::cli {

enum class Format { kTable, kJson, kYaml };

// "" is a table. INVALID_ARGUMENT for another name.
absl::StatusOr<Format> ParseFormat(const std::string& name);

// One message, with a newline at the end. REQUIRES: format is not kTable.
std::string Render(const google::protobuf::Message& message, Format format);

// The same for an answer that is no message.
std::string Render(const nlohmann::ordered_json& answer, Format format);

// YAML with the content of this JSON text. INVALID_ARGUMENT when it is not
// JSON.
absl::StatusOr<std::string> JsonToYaml(const std::string& json);

// Rows under a header, in columns as wide as their widest cell; the last is not
// padded.
std::string Columns(const std::vector<std::vector<std::string>>& rows);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_OUTPUT_H_
