// Rank numbers, mesh coordinates and Ulysses groups.
//
// Used by the plan builder and by the check of plans. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_PLANNER_MESH_H_
#define ITHACA_DAEMON_PLANNER_MESH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The order that this planner gives to ranks, outermost first: pipeline, data
// parallel, ring, Ulysses, tensor; with the ring inside, Ulysses before ring.
std::vector<v1::MeshAxis> RankOrderOf(v1::HybridOrder order);

// Degree of `axis`; 0 for an unspecified or unknown one.
uint32_t DegreeOf(const v1::Mesh& mesh, v1::MeshAxis axis);

// Product of all degrees; nullopt when a degree is 0 or the product exceeds
// 2^32 - 1.
std::optional<uint32_t> RankCount(const v1::Mesh& mesh);

// Coordinate of `rank`. REQUIRES: `order` is a permutation of the five axes,
// every degree is at least 1, rank < RankCount(mesh).
v1::MeshCoordinate CoordinateOf(const v1::Mesh& mesh,
                                const std::vector<v1::MeshAxis>& order,
                                uint32_t rank);

// Number of the group along `axis` that holds the rank at `coordinate`: groups
// count along the other axes in `order`. REQUIRES: as CoordinateOf.
uint32_t GroupOf(const v1::Mesh& mesh, const std::vector<v1::MeshAxis>& order,
                 v1::MeshAxis axis, const v1::MeshCoordinate& coordinate);

// Numbers of the ranks along `axis` of the group of `rank`, itself included, by
// their index. REQUIRES: as CoordinateOf.
std::vector<uint32_t> MembersOf(const v1::Mesh& mesh,
                                const std::vector<v1::MeshAxis>& order,
                                v1::MeshAxis axis, uint32_t rank);

// Distance between the numbers of neighbours along `axis`.
uint32_t StrideOf(const v1::Mesh& mesh, const std::vector<v1::MeshAxis>& order,
                  v1::MeshAxis axis);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_MESH_H_
