// What the readers of frameworks' configurations share.
//
// Used by them alone. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_READING_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_READING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/fields.h"
#include "daemon/planner/adapters/job_config.h"

namespace ithaca::planner {

// Options or overrides when the text looks like a command line ("--word" or
// "a.b=c" as a word of its own), else YAML (which JSON is, too).
absl::StatusOr<std::vector<Setting>> ReadWordsOrYaml(absl::string_view what,
                                                     absl::string_view text);

// The path of the setting whose last key is `name`, at the top or one map
// below it; `name` itself when there is none.
std::string Locate(const std::vector<Setting>& settings,
                   const std::string& name);

// Fills in what all texts have in common once the degrees are known: the ranks,
// and data parallelism as what is left of them. Errors: that of `fields`, or
// more ranks than the planner takes.
absl::StatusOr<JobConfig> Finish(JobConfig config, const ReadOptions& options,
                                 const Fields& fields);

// "none", "selective" or "full".
std::string WordOf(Recompute recompute);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_READING_H_
