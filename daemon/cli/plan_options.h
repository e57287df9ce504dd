// The options that say what to plan for, and the request that they make.
//
// Used by plan, max-seq, explain and validate. Threads: one.
#ifndef ITHACA_DAEMON_CLI_PLAN_OPTIONS_H_
#define ITHACA_DAEMON_CLI_PLAN_OPTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/cli/command.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::cli {

// --model, and what is computed with it.
std::vector<Option> JobOptions();
// --cluster, or --nodes and its like; and MeasuredOptions.
std::vector<Option> ClusterOptions();
// --measured: times of links from files.
std::vector<Option> MeasuredOptions();
// Degrees and policies.
std::vector<Option> StrategyOptions();
// --daemon.
Option DaemonOption();

// What each of these groups says. INVALID_ARGUMENT names the option and the
// remedy.
absl::Status FillJob(const Context& context, planner::v1::PlanRequest* request);
absl::Status FillCluster(const Context& context,
                         planner::v1::PlanRequest* request);
absl::Status FillMeasured(const Context& context,
                          planner::v1::PlanRequest* request);
absl::Status FillStrategy(const Context& context,
                          planner::v1::PlanRequest* request);

// Accelerators, or slots, of the request's topology; 0: it has none.
uint64_t RanksOfCluster(const planner::v1::PlanRequest& request);

enum class Length { kRequired, kIgnored };

// All three, and the ranks: --ranks, else all that the cluster has.
absl::StatusOr<planner::v1::PlanRequest> BuildPlanRequest(
    const Context& context, Length length);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_PLAN_OPTIONS_H_
