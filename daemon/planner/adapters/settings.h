// What a configuration file says, as a flat list of settings, whatever format
// it is written in; and the same list written out again.
//
// Used by the adapters of frameworks' configurations, on text that comes from
// outside: bounded in size, depth and number, and no reader throws. Plain
// values and pure functions; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ithaca::planner {

// One value and where it stands. Maps are descended into; a list, an empty map
// and a scalar are each one setting.
struct Setting {
  // Keys from the outside in, joined by '.': "zero_optimization.stage". A '.'
  // within a key is written "\.".
  std::string path;
  // In JSON.
  std::string value;
  // Line of the text, from 1. 0: not known.
  int line = 0;
  // Whether a reader made something of it. What is not understood is kept and
  // written out again as it was.
  bool understood = false;
};

// What is read at most.
inline constexpr size_t kMaxSettingsBytes = size_t{1} << 20;
inline constexpr size_t kMaxSettings = 20000;
inline constexpr int kMaxSettingsDepth = 32;

// Every reader answers INVALID_ARGUMENT, "<what>: <problem>" with line and
// column where there are any, for text that is too long, too deep, not of the
// format, or no map at the top, and for a key that is given twice. `what`
// names the text, e.g. "ds_config".
absl::StatusOr<std::vector<Setting>> ReadJson(absl::string_view what,
                                              absl::string_view text);
// One document; JSON is YAML too. Plain scalars have the types of YAML's core
// schema (and "True", "yes" are words). Anchors are followed, within bounds.
absl::StatusOr<std::vector<Setting>> ReadYaml(absl::string_view what,
                                              absl::string_view text);
absl::StatusOr<std::vector<Setting>> ReadToml(absl::string_view what,
                                              absl::string_view text);
// The words of a command line, or of a shell script's array of them: quotes,
// comments and continued lines as a shell reads them, but nothing is expanded.
// "--a-b v", "--a-b=v" and "--a_b v" are the setting "a_b"; an option without
// words is true, one with several on its line is a list (in a file with one
// word on each line, all up to the next option); the last of several wins, as
// argparse has it. "a.b=v" and "+a.b=v" (Hydra) is the setting "a.b". Whole
// numbers, true and false are typed, all else is a string. Other words are
// passed over.
absl::StatusOr<std::vector<Setting>> ReadWords(absl::string_view what,
                                               absl::string_view text);

// The writers. Lines of YAML, TOML and JSON end with a line feed.
// REQUIRES: no path is the beginning of another; values are JSON.
std::string WriteJson(const std::vector<Setting>& settings);
std::string WriteYaml(const std::vector<Setting>& settings);
std::string WriteToml(const std::vector<Setting>& settings);
// "--a-b v" (or "--a_b v" with `separator` '_'), one option to a line, joined
// by " \\\n"; quoted where a shell needs it.
std::string WriteOptions(const std::vector<Setting>& settings, char separator);
// "a.b=v", joined in the same way.
std::string WriteOverrides(const std::vector<Setting>& settings);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_SETTINGS_H_
