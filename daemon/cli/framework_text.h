// A plan in the words of a training framework.
//
// Used by plan and max-seq. Pure functions.
#ifndef ITHACA_DAEMON_CLI_FRAMEWORK_TEXT_H_
#define ITHACA_DAEMON_CLI_FRAMEWORK_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::cli {

struct FrameworkText {
  // Whether the framework can run the plan.
  bool can_run = false;
  // The lines to add to its configuration and script; or why it cannot, and
  // what can.
  std::string text;
};

// INVALID_ARGUMENT with the names when there is no framework of this name.
absl::StatusOr<FrameworkText> SayFor(const std::string& framework,
                                     const planner::v1::Plan& plan);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_FRAMEWORK_TEXT_H_
