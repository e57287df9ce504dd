// Values of options with a range or one of several words.
//
// Used by the options of planning. Threads: one.
#ifndef ITHACA_DAEMON_CLI_OPTION_VALUES_H_
#define ITHACA_DAEMON_CLI_OPTION_VALUES_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/command.h"

namespace ithaca::cli {

// An option with one of several words; `value` is left alone when it is not
// given. INVALID_ARGUMENT with the words.
template <typename T>
absl::Status FillWord(const Context& context, const std::string& name,
                      const std::map<std::string, T>& words, T* value) {
  if (!context.args.Has(name)) return absl::OkStatus();
  const auto found = words.find(context.args.Get(name));
  if (found != words.end()) {
    *value = found->second;
    return absl::OkStatus();
  }
  std::string known;
  for (const auto& [word, unused] : words)
    absl::StrAppend(&known, known.empty() ? "" : ", ", word);
  return absl::InvalidArgumentError(absl::StrCat(
      "--", name, " ", context.args.Get(name), ": use one of ", known));
}

// A count from `low` to 2^32 - 1; `set` gets it. Nothing happens when the
// option is not given, or is "auto" (which leaves it open).
template <typename Set>
absl::Status FillCount(const Context& context, const std::string& name,
                       uint64_t low, Set set) {
  if (context.args.Get(name) == "auto") return absl::OkStatus();
  const auto count = context.args.Count(name);
  if (!count.ok()) return count.status();
  if (!count->has_value()) return absl::OkStatus();
  if (**count < low || **count > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, ": is out of range, give at least ", low));
  }
  set(static_cast<uint32_t>(**count));
  return absl::OkStatus();
}

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_OPTION_VALUES_H_
