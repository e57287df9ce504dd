#include "daemon/planner/validate.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/findings.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/plan_hash.h"
#include "daemon/planner/request.h"
#include "daemon/planner/validate_group.h"

namespace ithaca::planner {
namespace {

// A field that a plan must have and a request may lack.
absl::Status MustBeSet(const char* field, bool set) {
  return set ? absl::OkStatus() : FieldError(field, "missing");
}

absl::Status CheckModelAndWorkload(const v1::Plan& plan) {
  v1::Model model = plan.model();
  v1::Workload workload = plan.workload();
  absl::Status s = MustBeSet("model.kv_heads", model.has_kv_heads());
  if (s.ok()) s = MustBeSet("model.head_size", model.has_head_size());
  if (s.ok()) s = CompleteModel(MessageNames("model"), model);
  if (s.ok()) s = MustBeSet("workload.batch", workload.has_batch());
  if (s.ok()) s = MustBeSet("workload.data_type", workload.data_type() != 0);
  if (s.ok()) s = MustBeSet("workload.mode", workload.mode() != 0);
  if (s.ok()) {
    s = CompleteWorkload("workload", v1::DATA_TYPE_UNSPECIFIED, workload);
  }
  if (s.ok()) {
    s = CheckRange("ranks", plan.ranks_size(), 1, kMaxRanks);
  }
  if (s.ok()) {
    s = CheckBytesFit("workload", model, workload, plan.mesh().data_parallel());
  }
  return s;
}

// What this version neither plans nor checks must not be there.
absl::Status CheckNothingMore(const v1::Plan& plan) {
  v1::Plan known = plan;
  v1::Model& model = *known.mutable_model();
  model.clear_gated_mlp();
  model.clear_tied_embeddings();
  model.clear_experts();
  model.clear_experts_per_token();
  model.clear_expert_intermediate_size();
  model.clear_shared_experts();
  model.clear_dense_layers();
  v1::Workload& workload = *known.mutable_workload();
  workload.clear_mask();
  workload.clear_window();
  workload.clear_density();
  workload.clear_cu_seqlens();
  workload.clear_micro_batches();
  workload.clear_global_batch();
  known.clear_strategy();
  known.clear_ring_groups();
  known.clear_ring_imbalance();
  known.clear_ring_forward_bytes();
  known.clear_ring_backward_bytes();
  known.clear_estimate();
  for (v1::Rank& rank : *known.mutable_ranks()) {
    rank.clear_ring();
    for (auto& range : *rank.mutable_token_ranges()) range.clear_stride();
  }
  if (google::protobuf::util::MessageDifferencer::Equals(plan, known)) {
    return absl::OkStatus();
  }
  return FieldError("plan", "has fields that this version cannot check");
}

absl::Status CheckMesh(const v1::Plan& plan) {
  const std::optional<uint32_t> ranks = RankCount(plan.mesh());
  if (!ranks || *ranks != static_cast<uint32_t>(plan.ranks_size())) {
    return FieldError(
        "mesh", absl::StrCat("does not multiply to the ", plan.ranks_size(),
                             " ranks of the plan"));
  }
  if (plan.mesh().ulysses() * plan.mesh().data_parallel() != *ranks) {
    return FieldError(
        "mesh",
        "has a pipeline, ring or tensor degree above 1, which this "
        "version cannot check");
  }
  const std::vector<v1::MeshAxis> all = DefaultRankOrder();
  const std::set<int> seen(plan.rank_order().begin(), plan.rank_order().end());
  if (plan.rank_order_size() != static_cast<int>(all.size()) ||
      seen != std::set<int>(all.begin(), all.end())) {
    return FieldError("rank_order", "must name each of the five axes once");
  }
  if (plan.ulysses_groups_size() !=
      static_cast<int>(plan.mesh().data_parallel())) {
    return FieldError(
        "ulysses_groups",
        absl::StrCat("has ", plan.ulysses_groups_size(), " entries for ",
                     plan.mesh().data_parallel(), " replicas"));
  }
  return absl::OkStatus();
}

absl::Status CheckLayout(const v1::Plan& plan) {
  if (plan.sequence_layout() != v1::SEQUENCE_LAYOUT_CONTIGUOUS) {
    return FieldError("sequence_layout",
                      "is not contiguous, which this version cannot check");
  }
  if (plan.remainder_policy() != v1::REMAINDER_POLICY_UNEVEN &&
      plan.remainder_policy() != v1::REMAINDER_POLICY_PAD) {
    return FieldError("remainder_policy", "must be uneven or pad");
  }
  const uint64_t length = plan.workload().sequence_length();
  const uint64_t padding = plan.remainder_policy() == v1::REMAINDER_POLICY_PAD
                               ? plan.mesh().ulysses()
                               : 0;
  return CheckRange("padded_sequence_length", plan.padded_sequence_length(),
                    length, length + padding);
}

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

// Groups ranks by Ulysses group, checking numbers and coordinates on the way.
std::vector<std::vector<int>> SortIntoGroups(const v1::Plan& plan,
                                             Findings& findings) {
  std::vector<v1::MeshAxis> order;
  for (int axis : plan.rank_order()) {
    order.push_back(static_cast<v1::MeshAxis>(axis));
  }
  std::vector<std::vector<int>> groups(plan.mesh().data_parallel());
  for (int i = 0; i < plan.ranks_size(); ++i) {
    const std::string path = absl::StrCat("ranks[", i, "]");
    const v1::Rank& rank = plan.ranks(i);
    const v1::MeshCoordinate want = CoordinateOf(plan.mesh(), order, i);
    const uint32_t group = GroupOf(plan.mesh(), order, want);
    findings.ExpectEqual(path + ".rank", i, rank.rank());
    findings.ExpectSame(path + ".coordinate", want, rank.coordinate());
    findings.ExpectEqual(path + ".ulysses_group", group, rank.ulysses_group());
    groups[group].push_back(i);
  }
  return groups;
}

}  // namespace

v1::ValidateResponse ValidatePlan(const v1::Plan& plan) {
  Findings findings(kMaxFindings);
  // What the rest of the checks stands on; without it they would say nothing of
  // use.
  for (auto check :
       {CheckModelAndWorkload, CheckMesh, CheckLayout, CheckNothingMore}) {
    if (findings.AddStatus(check(plan))) return findings.Take();
  }
  const std::vector<std::vector<int>> groups = SortIntoGroups(plan, findings);
  v1::Traffic total;
  for (size_t g = 0; g < groups.size(); ++g) {
    findings.ExpectList(
        absl::StrCat("ulysses_groups[", g, "].ranks"),
        std::vector<uint32_t>(groups[g].begin(), groups[g].end()),
        plan.ulysses_groups(g).ranks());
    CheckGroup(plan, groups[g], total, findings);
  }
  findings.ExpectSame("total", total, plan.total());
  CheckPlaces(plan, findings);
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
