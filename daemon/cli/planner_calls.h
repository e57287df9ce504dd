// The planner's calls, in this process or of a daemon.
//
// Used by plan, validate, max-seq and explain. Threads: one.
#ifndef ITHACA_DAEMON_CLI_PLANNER_CALLS_H_
#define ITHACA_DAEMON_CLI_PLANNER_CALLS_H_

#include "absl/status/statusor.h"
#include "daemon/cli/command.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::cli {

// A daemon is asked with --daemon or --socket. Errors: the planner's; those of
// Client::Connect.
absl::StatusOr<planner::v1::PlanResponse> CallPlan(
    const Context& context, const planner::v1::PlanRequest& request);
absl::StatusOr<planner::v1::ValidateResponse> CallValidate(
    const Context& context, const planner::v1::ValidateRequest& request);
absl::StatusOr<planner::v1::MaxSequenceResponse> CallMaxSequence(
    const Context& context, const planner::v1::MaxSequenceRequest& request);
absl::StatusOr<planner::v1::ExplainResponse> CallExplain(
    const Context& context, const planner::v1::ExplainRequest& request);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_PLANNER_CALLS_H_
