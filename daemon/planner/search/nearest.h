// The legal choice that is nearest to one that is not taken.
//
// Used by refusals and alternatives. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_NEAREST_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_NEAREST_H_

#include <optional>

#include "daemon/planner/request.h"
#include "daemon/planner/search/legal.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Constraints that ask for exactly `choice`: every degree and setting is given.
// Families, frameworks and limits are those of the request.
v1::Constraints ConstraintsOf(const Request& request, const Choice& choice);

// The constraints that are accepted and change least of the request: first
// those that keep all ranks, then those that keep the settings, then those that
// keep most of the degrees, given ones before defaults and the number of
// replicas before the spread of one sequence. In `family` where there is one
// (unspecified: in those of the request), else in any; frameworks are given up
// last. nullopt: nothing fits in memory.
std::optional<v1::Constraints> NearestLegal(const Request& request,
                                            v1::Family family);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_NEAREST_H_
