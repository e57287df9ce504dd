#include "daemon/planner/validate.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/findings.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/plan_hash.h"
#include "daemon/planner/ring_balance.h"
#include "daemon/planner/search/digest.h"
#include "daemon/planner/validate_header.h"
#include "daemon/planner/validate_parts.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

void CheckPlaces(const v1::Plan& plan, Findings& findings) {
  std::set<std::pair<std::string, uint32_t>> taken;
  for (int i = 0; i < plan.ranks_size(); ++i) {
    if (!plan.ranks(i).has_place()) continue;
    const v1::Place& place = plan.ranks(i).place();
    if (taken.insert({place.node(), place.local_index()}).second) continue;
    findings.Add(absl::StrCat("ranks[", i, "].place"),
                 "is the place of another rank too");
  }
}

std::vector<v1::MeshAxis> OrderOf(const v1::Plan& plan) {
  std::vector<v1::MeshAxis> order;
  for (int axis : plan.rank_order()) {
    order.push_back(static_cast<v1::MeshAxis>(axis));
  }
  return order;
}

void CheckNeighbours(const v1::Plan& plan,
                     const std::vector<v1::MeshAxis>& order, int i,
                     Findings& findings) {
  const std::string path = absl::StrCat("ranks[", i, "].ring");
  const v1::RingPart& ring = plan.ranks(i).ring();
  const v1::MeshCoordinate c = CoordinateOf(plan.mesh(), order, i);
  const uint32_t degree = plan.mesh().ring();
  const uint32_t stride = StrideOf(plan.mesh(), order, v1::MESH_AXIS_RING);
  const uint32_t first = static_cast<uint32_t>(i) - c.ring() * stride;
  findings.ExpectEqual(path + ".ring_group",
                       GroupOf(plan.mesh(), order, v1::MESH_AXIS_RING, c),
                       ring.ring_group());
  findings.ExpectEqual(path + ".next", first + (c.ring() + 1) % degree * stride,
                       ring.next());
  findings.ExpectEqual(path + ".previous",
                       first + (c.ring() + degree - 1) % degree * stride,
                       ring.previous());
}

using Groups = std::vector<std::vector<int>>;

// Ranks by their group along `axis`.
Groups SortBy(const v1::Plan& plan, const std::vector<v1::MeshAxis>& order,
              v1::MeshAxis axis) {
  Groups groups(plan.ranks_size() / DegreeOf(plan.mesh(), axis));
  for (int i = 0; i < plan.ranks_size(); ++i) {
    const v1::MeshCoordinate c = CoordinateOf(plan.mesh(), order, i);
    groups[GroupOf(plan.mesh(), order, axis, c)].push_back(i);
  }
  return groups;
}

// Numbers, coordinates and groups. False when the coordinates cannot be built
// on.
bool CheckNumbers(const v1::Plan& plan, const std::vector<v1::MeshAxis>& order,
                  Findings& findings) {
  bool good = true;
  for (int i = 0; i < plan.ranks_size(); ++i) {
    const std::string path = absl::StrCat("ranks[", i, "]");
    const v1::Rank& rank = plan.ranks(i);
    const v1::MeshCoordinate want = CoordinateOf(plan.mesh(), order, i);
    findings.ExpectEqual(path + ".rank", i, rank.rank());
    good &= findings.ExpectSame(path + ".coordinate", want, rank.coordinate());
    findings.ExpectEqual(
        path + ".ulysses_group",
        GroupOf(plan.mesh(), order, v1::MESH_AXIS_ULYSSES, want),
        rank.ulysses_group());
    if (plan.mesh().ring() > 1) CheckNeighbours(plan, order, i, findings);
  }
  return good;
}

template <typename Group>
void CheckMembers(const char* field, const Groups& want,
                  const google::protobuf::RepeatedPtrField<Group>& found,
                  Findings& findings) {
  for (size_t g = 0; g < want.size() && !findings.full(); ++g) {
    findings.ExpectList(absl::StrCat(field, "[", g, "].ranks"),
                        std::vector<uint32_t>(want[g].begin(), want[g].end()),
                        found.Get(static_cast<int>(g)).ranks());
  }
}

void CheckRanks(const v1::Plan& plan, Findings& findings) {
  const std::vector<v1::MeshAxis> order = OrderOf(plan);
  if (!CheckNumbers(plan, order, findings)) return;
  const Groups groups = SortBy(plan, order, v1::MESH_AXIS_ULYSSES);
  CheckMembers("ulysses_groups", groups, plan.ulysses_groups(), findings);
  if (plan.mesh().ring() > 1) {
    CheckMembers("ring_groups", SortBy(plan, order, v1::MESH_AXIS_RING),
                 plan.ring_groups(), findings);
  }
  PartCheck parts(plan, findings);
  const uint64_t padded = parts.split().padded_length;
  if (plan.padded_sequence_length() != padded) {
    findings.ExpectEqual("padded_sequence_length", padded,
                         plan.padded_sequence_length());
    return;
  }
  for (const std::vector<int>& group : groups) parts.CheckGroup(group);
  parts.CheckSums();
  const double imbalance = ImbalanceOf(
      parts.split(), MaskOf(plan.workload().mask()), plan.workload().window());
  if (!(plan.ring_imbalance() == imbalance)) {
    findings.Add("ring_imbalance", absl::StrCat("is ", plan.ring_imbalance(),
                                                ", expected ", imbalance));
  }
}

void CheckEstimate(const v1::Plan& plan, Findings& findings) {
  if (!plan.has_estimate()) return;
  const std::string digest = DigestOf(plan.estimate());
  if (plan.estimate().digest() == digest) return;
  findings.Add("estimate.digest",
               absl::StrCat("is not that of the estimate, which is ", digest));
}

}  // namespace

v1::ValidateResponse ValidatePlan(const v1::Plan& plan) {
  Findings findings(kMaxFindings);
  // What the rest of the checks stands on; without it they would say nothing of
  // use.
  if (findings.AddStatus(CheckHeader(plan))) return findings.Take();
  CheckRanks(plan, findings);
  CheckPlaces(plan, findings);
  CheckEstimate(plan, findings);
  const std::string hash = HashPlan(plan);
  if (plan.hash() != hash) {
    findings.Add("hash",
                 absl::StrCat("is not that of the plan, which is ", hash));
  }
  return findings.Take();
}

absl::StatusOr<v1::ValidateResponse> ValidateSubject(
    const v1::ValidateRequest& request) {
  if (!request.has_plan()) {
    return FieldError("plan", "missing; give a plan to check");
  }
  return ValidatePlan(request.plan());
}

}  // namespace ithaca::planner
