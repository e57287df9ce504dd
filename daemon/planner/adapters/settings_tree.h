// Settings from a tree of JSON values, and back.
//
// Used by the readers and writers of settings alone. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_TREE_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_TREE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/settings.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {

// "<what>: <problem>", and the line when it is not 0.
absl::Status SettingsError(absl::string_view what, absl::string_view problem,
                           int line = 0);

// OK when `text` is short enough to be read.
absl::Status CheckLength(absl::string_view what, absl::string_view text);

// `path` with `key` below it.
std::string JoinPath(const std::string& path, absl::string_view key);
// The keys of a path.
std::vector<std::string> SplitPath(absl::string_view path);

// Appends what is at `path` and below. Errors: too many.
absl::Status Flatten(absl::string_view what, const std::string& path,
                     const nlohmann::ordered_json& value,
                     std::vector<Setting>& settings);

// One object. A value that is not JSON becomes a string.
nlohmann::ordered_json TreeOf(const std::vector<Setting>& settings);

// Text of any bytes as JSON: what is not UTF-8 is replaced.
std::string Dump(const nlohmann::ordered_json& value);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_TREE_H_
