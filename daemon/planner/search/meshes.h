// The meshes that a request leaves open.
//
// Used by the search and by the nearest legal choice. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_MESHES_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_MESHES_H_

#include <cstdint>
#include <vector>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/request.h"

namespace ithaca::planner {

// The one mesh of a request whose search is "as given": what is absent has its
// default, Ulysses the ranks that are left. Whether it is legal, or covers the
// ranks, is not asked.
Strategy GivenMesh(const v1::Constraints& constraints);

// Degrees that the search does not choose, because others are sure to be
// better; a degree that the constraints give is not bounded.
struct MeshBounds {
  // Tensor parallelism sends the most bytes, with nothing to hide behind, so it
  // stays within what is closest: an NVLink domain, or a node.
  uint32_t most_tensor = 8;
};
MeshBounds BoundsOf(const Request& request);

// Every mesh that keeps the degrees which the constraints give and that
// CheckMesh finds nothing wrong with; expert_parallel and settings are not
// looked at. In a fixed order.
std::vector<Strategy> LegalMeshes(const Request& request,
                                  const MeshBounds& bounds);

// Divisors of `number`, ascending. REQUIRES: number >= 1.
std::vector<uint32_t> DivisorsOf(uint32_t number);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_MESHES_H_
