// A strategy in words.
//
// Used by answers and explanations. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_DESCRIBE_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_DESCRIBE_H_

#include <string>

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// "Ulysses 8 x ring 2, data parallel 4, ZeRO 3, full recompute": what is not
// named is 1, or not used.
std::string Describe(const Strategy& strategy);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_DESCRIBE_H_
