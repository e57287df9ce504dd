// A digest over an estimate, so that a change on the way is found.
//
// Used by whoever makes estimates and by the check of plans. Pure; safe from
// any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_DIGEST_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_DIGEST_H_

#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Lower-case hex SHA-256 over all fields but `digest`, in the order of their
// numbers: "<path>" for each message and "<path>=<value>" for each scalar that
// is set, on lines of their own; a path is field numbers, floating point is the
// 64 bits of it, text has its length in front.
std::string DigestOf(const v1::Estimate& estimate);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_DIGEST_H_
