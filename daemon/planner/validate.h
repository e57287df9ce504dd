// Checks that a plan holds together, wherever it came from.
//
// Used by the planner's service, by groups before they form on a plan, and by
// tests. Takes hostile input: time and memory are linear in the plan, nothing
// is trusted. Pure; safe from any thread.
//
// What holds when there is no finding: the mesh covers the ranks; every token
// of every sequence and every query head is owned by exactly one member of each
// Ulysses group; every member has exactly the key/value heads that its query
// heads read; send counts of i to j are the receive counts of j from i; bytes,
// imbalance and family follow from these; no two ranks share a place; the hash
// is that of the plan. The split itself may be another than this planner would
// choose.
#ifndef ITHACA_DAEMON_PLANNER_VALIDATE_H_
#define ITHACA_DAEMON_PLANNER_VALIDATE_H_

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Findings, at most kMaxFindings, in the order of the plan.
inline constexpr int kMaxFindings = 32;
v1::ValidateResponse ValidatePlan(const v1::Plan& plan);

// ValidatePlan of the request's plan. Errors: INVALID_ARGUMENT when it has
// none.
absl::StatusOr<v1::ValidateResponse> ValidateSubject(
    const v1::ValidateRequest& request);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_VALIDATE_H_
