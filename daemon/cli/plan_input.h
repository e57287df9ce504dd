// A plan that a command is given as JSON.
//
// Used by validate, explain and group create. Threads: one.
#ifndef ITHACA_DAEMON_CLI_PLAN_INPUT_H_
#define ITHACA_DAEMON_CLI_PLAN_INPUT_H_

#include <string>

#include "absl/status/status.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::cli {

// A plan, or the first one of an answer to `plan -o json`. INVALID_ARGUMENT
// names `path`, which is where the text came from, and ends with `remedy`.
absl::Status ParsePlan(
    const std::string& path, const std::string& json, planner::v1::Plan* plan,
    const std::string& remedy = "`ithacactl plan -o json` prints one");

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_PLAN_INPUT_H_
