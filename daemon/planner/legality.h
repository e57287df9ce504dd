// What can be planned, what cannot, and the nearest that can.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_LEGALITY_H_
#define ITHACA_DAEMON_PLANNER_LEGALITY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The part of a request that decides what is legal.
struct Case {
  uint32_t query_heads = 0;
  uint32_t kv_heads = 0;
  uint64_t sequence_length = 0;
  std::optional<uint64_t> slots;  // absent: unknown, so no bound
};

// Degrees of the only kind of mesh that is planned today.
struct Degrees {
  uint32_t data_parallel = 1;
  uint32_t ulysses = 1;
};

// Why something is not planned. `reason` has no remedy in it.
struct Obstacle {
  v1::RejectionCode code = v1::REJECTION_CODE_UNSPECIFIED;
  std::string reason;
};

// The family of the head map of `heads` query and `kv_heads` key/value heads
// over `degree` ranks. REQUIRES: degree <= heads.
v1::Family FamilyOf(uint32_t heads, uint32_t kv_heads, uint32_t degree);

// Whether a job with these constraints can run `family`. One that runs uneven
// maps runs replicated and even ones too, and one that runs replicated maps
// even ones.
bool CanRun(const v1::Constraints& constraints, v1::Family family);

// The degrees that the constraints ask for, or why no plan has them whatever
// the family. REQUIRES: constraints as in Request.
struct DegreesOrObstacle {
  Degrees degrees;
  std::optional<Obstacle> obstacle;
};
DegreesOrObstacle FindDegrees(const Case& c,
                              const v1::Constraints& constraints);

// The constraints nearest to `constraints` that give a plan: the same mesh with
// the largest Ulysses degree that is not above the wanted one and legal, in the
// wanted families if there is one, else in any. nullopt when there is not a
// single slot.
std::optional<v1::Constraints> NearestLegal(const Case& c,
                                            const v1::Constraints& constraints);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_LEGALITY_H_
