#include "daemon/planner/rejections.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace ithaca::planner {
namespace {

constexpr v1::Family kUlyssesFamilies[] = {v1::FAMILY_ULYSSES_EVEN,
                                           v1::FAMILY_ULYSSES_REPLICATED_KV,
                                           v1::FAMILY_ULYSSES_UNEVEN};
constexpr v1::Family kUnplannedFamilies[] = {v1::FAMILY_RING,
                                             v1::FAMILY_ULYSSES_RING};

std::string Describe(const v1::Constraints& nearest) {
  std::string text = absl::StrCat("The nearest that works is ", nearest.ranks(),
                                  nearest.ranks() == 1 ? " rank" : " ranks");
  if (nearest.data_parallel_degree() > 1) {
    absl::StrAppend(&text, " as ", nearest.data_parallel_degree(),
                    " replicas of ",
                    nearest.ranks() / nearest.data_parallel_degree());
  }
  return text + ".";
}

void Add(v1::Family family, const Obstacle& obstacle,
         const std::optional<v1::Constraints>& nearest,
         v1::PlanResponse& response) {
  v1::Rejection* rejection = response.add_rejected();
  rejection->set_family(family);
  rejection->set_code(obstacle.code);
  rejection->set_reason(obstacle.reason);
  if (!nearest) return;
  *rejection->mutable_nearest_legal() = *nearest;
  // Nothing is nearest within a family that is not needed, or not planned.
  const bool within = family == v1::FAMILY_UNSPECIFIED ||
                      (obstacle.code != v1::REJECTION_CODE_NOT_NEEDED &&
                       obstacle.code != v1::REJECTION_CODE_NOT_PLANNED_YET);
  if (!within) return;
  rejection->mutable_reason()->append(" " + Describe(*nearest));
}

bool IsListed(const v1::Constraints& constraints, int family) {
  return std::count(constraints.families().begin(),
                    constraints.families().end(), family) != 0;
}

v1::Constraints Only(const v1::Constraints& constraints, v1::Family family) {
  v1::Constraints only = constraints;
  only.clear_families();
  only.add_families(family);
  return only;
}

Obstacle HeadsDoNotDivide(const Case& c, uint32_t degree) {
  return {v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
          absl::StrCat(c.query_heads, " query heads do not divide over ",
                       degree, " ranks.")};
}

Obstacle KvHeadsDoNotDivide(const Case& c, uint32_t degree, const char* need) {
  return {v1::REJECTION_CODE_KV_HEADS_DO_NOT_DIVIDE,
          absl::StrCat(c.kv_heads, " key/value heads ", need, " ", degree,
                       " ranks.")};
}

// Why `family`, one of the Ulysses ones, is not what the heads make of
// `degree`.
Obstacle WhyNotUlysses(const Case& c, uint32_t degree, v1::Family family) {
  const v1::Family natural = FamilyOf(c.query_heads, c.kv_heads, degree);
  if (natural < family) {
    return {v1::REJECTION_CODE_NOT_NEEDED,
            absl::StrCat("The heads divide over ", degree,
                         " ranks without it, with nothing lost.")};
  }
  if (natural == family) {
    return {v1::REJECTION_CODE_EXCLUDED_BY_CONSTRAINTS,
            absl::StrCat("It works on ", degree,
                         " ranks, but constraints.families leaves it out.")};
  }
  if (c.query_heads % degree != 0) return HeadsDoNotDivide(c, degree);
  return family == v1::FAMILY_ULYSSES_EVEN
             ? KvHeadsDoNotDivide(c, degree, "do not divide over")
             : KvHeadsDoNotDivide(c, degree, "cannot be copied evenly to");
}

// " For 64 ranks the split would be Ulysses 32 x ring 2." where the heads do
// not reach for the ranks: the largest Ulysses degree that divides these.
std::string RingSplit(const Case& c, uint32_t ranks) {
  if (ranks <= c.query_heads) return "";
  uint32_t ulysses = c.query_heads;
  while (ranks % ulysses != 0) --ulysses;
  return absl::StrCat(" For ", ranks, " ranks the split would be Ulysses ",
                      ulysses, " x ring ", ranks / ulysses, ".");
}

Obstacle NotPlannedYet(const Case& c, uint32_t ranks, v1::Family family) {
  return {v1::REJECTION_CODE_NOT_PLANNED_YET,
          family == v1::FAMILY_RING
              ? "Ring attention is not planned yet."
              : absl::StrCat("Ulysses x ring is not planned yet.",
                             RingSplit(c, ranks))};
}

void RejectUnplanned(const Case& c, const v1::Constraints& constraints,
                     v1::PlanResponse& response) {
  const std::optional<v1::Constraints> nearest = NearestLegal(c, constraints);
  const uint32_t replicas = std::max(1u, constraints.data_parallel_degree());
  const uint32_t ranks = std::max(1u, constraints.ranks() / replicas);
  for (v1::Family family : kUnplannedFamilies) {
    Add(family, NotPlannedYet(c, ranks, family), nearest, response);
  }
}

}  // namespace

void RejectAll(const Case& c, const v1::Constraints& constraints,
               const Obstacle& obstacle, v1::PlanResponse& response) {
  Add(v1::FAMILY_UNSPECIFIED, obstacle, NearestLegal(c, constraints), response);
  RejectUnplanned(c, constraints, response);
}

void RejectOthers(const Case& c, const v1::Constraints& constraints,
                  const Degrees& degrees, v1::Family taken,
                  v1::PlanResponse& response) {
  for (v1::Family family : kUlyssesFamilies) {
    if (family == taken) continue;
    const Obstacle obstacle = WhyNotUlysses(c, degrees.ulysses, family);
    // What the job can run already is the nearest to a family that it does not
    // need; to any other it is the nearest degree within that family.
    const bool needed = obstacle.code != v1::REJECTION_CODE_NOT_NEEDED;
    Add(family, obstacle,
        NearestLegal(c, needed ? Only(constraints, family) : constraints),
        response);
  }
  RejectUnplanned(c, constraints, response);
  if (taken != v1::FAMILY_UNSPECIFIED) return;
  std::stable_partition(response.mutable_rejected()->begin(),
                        response.mutable_rejected()->end(),
                        [&](const v1::Rejection& rejection) {
                          return IsListed(constraints, rejection.family());
                        });
}

}  // namespace ithaca::planner
