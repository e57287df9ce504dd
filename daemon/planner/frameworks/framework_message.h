// The API's names of the frameworks.
//
// Used where requests and answers name one. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_MESSAGE_H_
#define ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_MESSAGE_H_

#include <optional>

#include "daemon/planner/frameworks/framework.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

v1::Framework MessageOf(Framework framework);

// Nothing for an unspecified or unknown value.
std::optional<Framework> FrameworkOf(v1::Framework message);

// How the first framework that the constraints name runs a ring; null: it has
// none, or there is none.
const EngineLimits* RingEngine(const v1::Constraints& constraints);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_MESSAGE_H_
