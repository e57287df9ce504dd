// The content hash of a plan: what two ranks compare to know that they run one
// plan.
//
// Used by the planner, the check of plans, and whoever wants to verify a hash.
// Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_HASH_H_
#define ITHACA_DAEMON_PLANNER_PLAN_HASH_H_

#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The text that is hashed, as the comment of Plan.hash specifies it. It does
// not depend on the protobuf library, on locale or on the order of anything
// unordered.
std::string CanonicalText(const v1::Plan& plan);

// 64 lower-case hex digits of the SHA-256 of CanonicalText.
std::string HashPlan(const v1::Plan& plan);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_HASH_H_
