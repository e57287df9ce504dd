#include "daemon/planner/mesh.h"

#include <algorithm>
#include <map>
#include <set>

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

v1::Mesh MakeMesh(uint32_t dp, uint32_t pp, uint32_t ring, uint32_t ulysses,
                  uint32_t tp) {
  v1::Mesh mesh;
  mesh.set_data_parallel(dp);
  mesh.set_pipeline(pp);
  mesh.set_ring(ring);
  mesh.set_ulysses(ulysses);
  mesh.set_tensor(tp);
  return mesh;
}

TEST(RankCount, ProductOrNothing) {
  EXPECT_EQ(RankCount(MakeMesh(2, 3, 5, 7, 11)), 2310u);
  EXPECT_EQ(RankCount(MakeMesh(2, 3, 0, 7, 11)), std::nullopt);
  EXPECT_EQ(RankCount(MakeMesh(65536, 65536, 1, 1, 1)), std::nullopt);
  EXPECT_EQ(RankCount(MakeMesh(~0u, ~0u, ~0u, ~0u, ~0u)), std::nullopt);
  EXPECT_EQ(RankCount(MakeMesh(~0u, 1, 1, 1, 1)), ~0u);
}

TEST(CoordinateOf, InnermostAxisMovesFastest) {
  const v1::Mesh mesh = MakeMesh(2, 1, 1, 4, 3);
  const v1::MeshCoordinate c = CoordinateOf(
      mesh, RankOrderOf(v1::HYBRID_ORDER_ULYSSES_INSIDE), 1 * 12 + 2 * 3 + 1);
  EXPECT_EQ(c.data_parallel(), 1u);
  EXPECT_EQ(c.ulysses(), 2u);
  EXPECT_EQ(c.tensor(), 1u);
}

// In every order: coordinates are distinct and in bounds, and a group holds
// each Ulysses index once, in ascending rank numbers.
TEST(CoordinateOf, EveryOrderIsAOneToOneMap) {
  const v1::Mesh mesh = MakeMesh(2, 3, 2, 4, 2);
  std::vector<v1::MeshAxis> order =
      RankOrderOf(v1::HYBRID_ORDER_ULYSSES_INSIDE);
  std::sort(order.begin(), order.end());
  do {
    std::set<std::string> seen;
    std::map<uint32_t, std::vector<uint32_t>> groups;
    for (uint32_t rank = 0; rank < *RankCount(mesh); ++rank) {
      const v1::MeshCoordinate c = CoordinateOf(mesh, order, rank);
      ASSERT_LT(c.ring(), 2u);
      ASSERT_LT(c.pipeline(), 3u);
      seen.insert(c.SerializeAsString());
      groups[GroupOf(mesh, order, v1::MESH_AXIS_ULYSSES, c)].push_back(
          c.ulysses());
    }
    ASSERT_EQ(seen.size(), *RankCount(mesh));
    ASSERT_EQ(groups.size(), 24u);
    ASSERT_EQ(groups.rbegin()->first, 23u);
    for (const auto& group : groups) {
      ASSERT_EQ(group.second, (std::vector<uint32_t>{0, 1, 2, 3}));
    }
    for (v1::MeshAxis axis : order) {
      const std::vector<uint32_t> members = MembersOf(mesh, order, axis, 57);
      ASSERT_EQ(members.size(), DegreeOf(mesh, axis));
      ASSERT_EQ(std::count(members.begin(), members.end(), 57u), 1);
      for (uint32_t member : members) {
        ASSERT_EQ(GroupOf(mesh, order, axis, CoordinateOf(mesh, order, member)),
                  GroupOf(mesh, order, axis, CoordinateOf(mesh, order, 57)));
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(RankOrderOf, PutsTheInnerOneNextToTensor) {
  EXPECT_EQ(RankOrderOf(v1::HYBRID_ORDER_ULYSSES_INSIDE)[3],
            v1::MESH_AXIS_ULYSSES);
  EXPECT_EQ(RankOrderOf(v1::HYBRID_ORDER_RING_INSIDE)[3], v1::MESH_AXIS_RING);
}

}  // namespace
}  // namespace ithaca::planner
