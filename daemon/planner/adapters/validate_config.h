// The check of a framework's configuration, as the API asks for it.
//
// Used by the planner service and by ithacactl without a daemon. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_VALIDATE_CONFIG_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_VALIDATE_CONFIG_H_

#include "absl/status/statusor.h"
#include "daemon/planner/adapters/job_config.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/frameworks/framework_message.h"
#include "daemon/planner/model_shape.h"  // DimsOf
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The answer to a request whose subject is a framework_config. A text that
// cannot be read is a finding UNREADABLE, not an error. Errors:
// INVALID_ARGUMENT naming the field, for a framework whose configurations are
// not read and a context that makes no sense.
absl::StatusOr<v1::ValidateResponse> ValidateFrameworkConfig(
    const v1::ValidateRequest& request);

// A plan's strategy in the words of the cost functions, which the adapters
// take.
Strategy StrategyOf(const v1::Plan& plan);
Work WorkOf(const v1::Plan& plan);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_VALIDATE_CONFIG_H_
