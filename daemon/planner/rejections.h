// Says, for every family that was not taken, why and what would work.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_REJECTIONS_H_
#define ITHACA_DAEMON_PLANNER_REJECTIONS_H_

#include "daemon/planner/legality.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Adds to `response` why no plan meets `constraints` whatever the Ulysses
// family, and then the families that are not planned at all.
void RejectAll(const Case& c, const v1::Constraints& constraints,
               const Obstacle& obstacle, v1::PlanResponse& response);

// Adds to `response` every family but `taken` (unspecified: none was taken), at
// the degrees that `constraints` ask for. REQUIRES: FindDegrees had no
// obstacle.
void RejectOthers(const Case& c, const v1::Constraints& constraints,
                  const Degrees& degrees, v1::Family taken,
                  v1::PlanResponse& response);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_REJECTIONS_H_
