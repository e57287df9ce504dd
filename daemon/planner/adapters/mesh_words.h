// The mesh of ranks as each framework lays it out, for torch's DeviceMesh.
//
// Used by the writing of configurations and by the CLI. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_MESH_WORDS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_MESH_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/planner/adapters/job_config.h"
#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

struct MeshDimension {
  std::string name;  // the framework's own
  uint32_t size = 1;
};

// From the slowest (outermost) to the fastest, every dimension that the
// framework has, also those of size 1; the product is the number of ranks.
std::vector<MeshDimension> MeshOf(Framework framework,
                                  const Strategy& strategy);

// 'init_device_mesh("cuda", (2, 8), mesh_dim_names=("dp", "sp"))', without
// dimensions of size 1 (all of them: one).
std::string DeviceMeshCall(const std::vector<MeshDimension>& mesh);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_MESH_WORDS_H_
