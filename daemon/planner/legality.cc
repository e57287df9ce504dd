#include "daemon/planner/legality.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace ithaca::planner {
namespace {

uint64_t OrOne(bool present, uint32_t value) { return present ? value : 1; }

// Every degree as 64 bits, 1 where absent (for Ulysses too: see `has_ulysses`).
struct Wish {
  uint64_t data, pipeline, ring, tensor, ulysses;
  bool has_data, has_ulysses;
};

Wish WishOf(const v1::Constraints& c) {
  return {OrOne(c.has_data_parallel_degree(), c.data_parallel_degree()),
          OrOne(c.has_pipeline_degree(), c.pipeline_degree()),
          OrOne(c.has_ring_degree(), c.ring_degree()),
          OrOne(c.has_tensor_degree(), c.tensor_degree()),
          OrOne(c.has_ulysses_degree(), c.ulysses_degree()),
          c.has_data_parallel_degree(),
          c.has_ulysses_degree()};
}

std::optional<Obstacle> CheckOneKindOfMesh(const Wish& wish) {
  const struct {
    const char* name;
    uint64_t degree;
  } others[] = {{"ring", wish.ring},
                {"pipeline", wish.pipeline},
                {"tensor", wish.tensor}};
  for (const auto& other : others) {
    if (other.degree == 1) continue;
    return Obstacle{v1::REJECTION_CODE_NOT_PLANNED_YET,
                    absl::StrCat("A ", other.name, " degree of ", other.degree,
                                 " is not planned yet, only Ulysses with data "
                                 "parallel replicas.")};
  }
  return std::nullopt;
}

std::optional<Obstacle> CheckMesh(const Wish& wish, uint32_t ranks) {
  if (wish.has_ulysses && wish.data * wish.ulysses == ranks) {
    return std::nullopt;
  }
  if (!wish.has_ulysses && ranks % wish.data == 0) return std::nullopt;
  const std::string mesh =
      wish.has_ulysses
          ? absl::StrCat("data parallel ", wish.data, " x Ulysses ",
                         wish.ulysses, " is ", wish.data * wish.ulysses)
          : absl::StrCat("they do not divide into ", wish.data, " replicas");
  return Obstacle{
      v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS,
      absl::StrCat(ranks, " ranks must all be used, but ", mesh, ".")};
}

std::optional<Obstacle> CheckSizes(const Case& c, const Degrees& degrees) {
  const uint32_t p = degrees.ulysses;
  if (p > c.query_heads) {
    return Obstacle{
        v1::REJECTION_CODE_MORE_RANKS_THAN_HEADS,
        absl::StrCat(p, " ranks cannot share ", c.query_heads,
                     " query heads: each rank of a Ulysses group computes "
                     "at least one.")};
  }
  if (p > c.sequence_length) {
    return Obstacle{v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS,
                    absl::StrCat(p, " ranks cannot share ", c.sequence_length,
                                 " tokens: each holds at least one.")};
  }
  const uint64_t ranks = uint64_t{degrees.data_parallel} * p;
  if (c.slots && ranks > *c.slots) {
    return Obstacle{v1::REJECTION_CODE_MORE_RANKS_THAN_SLOTS,
                    absl::StrCat(ranks, " ranks do not fit the ", *c.slots,
                                 " slots of the topology.")};
  }
  return std::nullopt;
}

// What was wished for, as near as the only kind of mesh allows: ring and
// Ulysses both spread one sequence, so a ring degree goes to Ulysses; a Ulysses
// degree without a data-parallel one that leaves ranks over gets replicas.
Degrees WishedDegrees(const Wish& wish, uint32_t ranks) {
  uint64_t data = std::min<uint64_t>(wish.data, ranks);
  uint64_t ulysses = std::min<uint64_t>(wish.ulysses * wish.ring, ranks);
  const uint64_t share =
      std::max<uint64_t>(1, ranks / wish.pipeline / wish.tensor);
  if (!wish.has_ulysses) {
    ulysses = std::max<uint64_t>(1, share / data);
  } else if (!wish.has_data) {
    data = std::max<uint64_t>(1, share / ulysses);
  } else {
    ulysses = std::min<uint64_t>(ulysses, std::max<uint64_t>(1, ranks / data));
  }
  return {static_cast<uint32_t>(data), static_cast<uint32_t>(ulysses)};
}

v1::Constraints WithDegrees(const v1::Constraints& old,
                            const Degrees& degrees) {
  v1::Constraints c;
  c.set_ranks(degrees.data_parallel * degrees.ulysses);
  if (old.has_ulysses_degree()) c.set_ulysses_degree(degrees.ulysses);
  if (old.has_data_parallel_degree() || degrees.data_parallel > 1) {
    c.set_data_parallel_degree(degrees.data_parallel);
  }
  c.set_remainder_policy(old.remainder_policy());
  *c.mutable_families() = old.families();
  return c;
}

}  // namespace

v1::Family FamilyOf(uint32_t heads, uint32_t kv_heads, uint32_t degree) {
  if (heads % degree == 0 && kv_heads % degree == 0) {
    return v1::FAMILY_ULYSSES_EVEN;
  }
  if (heads % degree == 0 && degree % kv_heads == 0) {
    return v1::FAMILY_ULYSSES_REPLICATED_KV;
  }
  return v1::FAMILY_ULYSSES_UNEVEN;
}

bool CanRun(const v1::Constraints& constraints, v1::Family family) {
  if (constraints.families().empty()) return true;
  return std::any_of(constraints.families().begin(),
                     constraints.families().end(), [family](int listed) {
                       return listed >= family &&
                              listed <= v1::FAMILY_ULYSSES_UNEVEN;
                     });
}

DegreesOrObstacle FindDegrees(const Case& c,
                              const v1::Constraints& constraints) {
  const Wish wish = WishOf(constraints);
  const uint32_t ranks = constraints.ranks();
  DegreesOrObstacle found;
  if (found.obstacle = CheckOneKindOfMesh(wish); found.obstacle) return found;
  if (found.obstacle = CheckMesh(wish, ranks); found.obstacle) return found;
  found.degrees.data_parallel = static_cast<uint32_t>(wish.data);
  found.degrees.ulysses = static_cast<uint32_t>(ranks / wish.data);
  found.obstacle = CheckSizes(c, found.degrees);
  return found;
}

std::optional<v1::Constraints> NearestLegal(
    const Case& c, const v1::Constraints& constraints) {
  const uint64_t slots = c.slots.value_or(std::numeric_limits<uint64_t>::max());
  if (slots == 0) return std::nullopt;
  const Degrees wished =
      WishedDegrees(WishOf(constraints), constraints.ranks());
  const uint64_t data = std::min<uint64_t>(wished.data_parallel, slots);
  const uint64_t largest =
      std::min({uint64_t{wished.ulysses}, uint64_t{c.query_heads},
                c.sequence_length, slots / data});
  for (uint64_t degree = largest; degree >= 1; --degree) {
    const Degrees degrees{static_cast<uint32_t>(data),
                          static_cast<uint32_t>(degree)};
    if (CanRun(constraints,
               FamilyOf(c.query_heads, c.kv_heads, degrees.ulysses))) {
      return WithDegrees(constraints, degrees);
    }
  }
  // A Ulysses family runs at degree 1 at least, so none was among the wanted.
  v1::Constraints any = constraints;
  any.clear_families();
  return NearestLegal(c, any);
}

}  // namespace ithaca::planner
