#include "daemon/planner/validate_header.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/workload_shape.h"

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
  if (s.ok()) s = MustBeSet("model.gated_mlp", model.has_gated_mlp());
  if (s.ok()) s = CompleteModel(MessageNames("model"), model);
  if (s.ok()) s = MustBeSet("workload.batch", workload.has_batch());
  if (s.ok()) s = MustBeSet("workload.data_type", workload.data_type() != 0);
  if (s.ok()) s = MustBeSet("workload.mode", workload.mode() != 0);
  if (s.ok()) s = MustBeSet("workload.mask", workload.mask() != 0);
  if (s.ok()) {
    s = CompleteWorkload("workload", v1::DATA_TYPE_UNSPECIFIED, workload);
  }
  if (s.ok() && workload.causal() != plan.workload().causal()) {
    s = FieldError("workload.causal", "contradicts `mask`");
  }
  if (s.ok()) s = CheckRange("ranks", plan.ranks_size(), 1, kMaxRanks);
  return s;
}

absl::Status CheckMesh(const v1::Plan& plan) {
  const std::optional<uint32_t> ranks = RankCount(plan.mesh());
  if (!ranks || *ranks != static_cast<uint32_t>(plan.ranks_size())) {
    return FieldError(
        "mesh", absl::StrCat("does not multiply to the ", plan.ranks_size(),
                             " ranks of the plan"));
  }
  const std::vector<v1::MeshAxis> all =
      RankOrderOf(v1::HYBRID_ORDER_ULYSSES_INSIDE);
  const std::set<int> seen(plan.rank_order().begin(), plan.rank_order().end());
  if (plan.rank_order_size() != static_cast<int>(all.size()) ||
      seen != std::set<int>(all.begin(), all.end())) {
    return FieldError("rank_order", "must name each of the five axes once");
  }
  const int groups = static_cast<int>(*ranks / plan.mesh().ulysses());
  if (plan.ulysses_groups_size() != groups) {
    return FieldError("ulysses_groups",
                      absl::StrCat("has ", plan.ulysses_groups_size(),
                                   " entries, expected ", groups));
  }
  const int rings = plan.mesh().ring() == 1
                        ? 0
                        : static_cast<int>(*ranks / plan.mesh().ring());
  if (plan.ring_groups_size() != rings) {
    return FieldError("ring_groups",
                      absl::StrCat("has ", plan.ring_groups_size(),
                                   " entries, expected ", rings));
  }
  return absl::OkStatus();
}

// Whether the degrees split what they are there to split.
absl::Status CheckDegrees(const v1::Plan& plan) {
  const v1::Model& model = plan.model();
  const v1::Mesh& mesh = plan.mesh();
  const uint32_t tensor = mesh.tensor();
  if (model.query_heads() % tensor != 0 ||
      (model.kv_heads() % tensor != 0 && tensor % model.kv_heads() != 0)) {
    return FieldError("mesh.tensor", "does not split the heads");
  }
  if (mesh.ulysses() > model.query_heads() / tensor) {
    return FieldError("mesh.ulysses", "is above the query heads");
  }
  if (mesh.pipeline() > 1 &&
      (model.layers() == 0 || model.layers() % mesh.pipeline() != 0)) {
    return FieldError("mesh.pipeline", "does not divide the layers");
  }
  const uint32_t experts = plan.strategy().expert_parallel();
  const uint64_t data =
      uint64_t{mesh.data_parallel()} * mesh.ring() * mesh.ulysses();
  if (experts == 0 || data % experts != 0 ||
      (experts > 1 &&
       (model.experts() == 0 || model.experts() % experts != 0))) {
    return FieldError("strategy.expert_parallel",
                      "does not divide the experts over the ranks");
  }
  const uint64_t groups = data / mesh.ulysses() * mesh.pipeline();
  return CheckBytesFit("workload", model, plan.workload(),
                       mesh.ring() > 1 ? 2 * groups : groups);
}

absl::Status CheckBatches(const v1::Plan& plan) {
  const v1::Workload& w = plan.workload();
  if (w.has_micro_batches() && w.has_global_batch() &&
      w.global_batch() == uint64_t{w.micro_batches()} * w.batch() *
                              plan.mesh().data_parallel()) {
    return absl::OkStatus();
  }
  return FieldError("workload.global_batch",
                    "is not micro_batches x batch x data-parallel degree");
}

absl::Status CheckStrategy(const v1::Plan& plan) {
  const v1::Strategy& s = plan.strategy();
  absl::Status status = CheckRange("strategy.zero_stage", s.zero_stage(), 0, 3);
  if (!status.ok()) return status;
  const struct {
    const char* field;
    bool known;
  } enums[] = {
      {"strategy.recompute",
       s.recompute() != 0 && v1::Recompute_IsValid(s.recompute())},
      {"strategy.hybrid_order",
       s.hybrid_order() != 0 && v1::HybridOrder_IsValid(s.hybrid_order())},
      {"strategy.ring_gradients",
       s.ring_gradients() != 0 &&
           v1::RingGradients_IsValid(s.ring_gradients())},
  };
  for (const auto& e : enums) {
    if (!e.known) return FieldError(e.field, "missing or unknown");
  }
  return absl::OkStatus();
}

absl::Status CheckLayout(const v1::Plan& plan) {
  const v1::SequenceLayout layout = plan.sequence_layout();
  const bool ring = plan.mesh().ring() > 1;
  if (layout == 0 || !v1::SequenceLayout_IsValid(layout) ||
      (!ring && layout != v1::SEQUENCE_LAYOUT_CONTIGUOUS)) {
    return FieldError("sequence_layout", "is not one of this mesh");
  }
  const auto documents =
      static_cast<uint64_t>(std::max(1, plan.workload().cu_seqlens_size()));
  if (layout == v1::SEQUENCE_LAYOUT_PACKED &&
      (documents == 1 || documents * 2 * plan.mesh().ring() > kMaxTokenRuns)) {
    return FieldError("sequence_layout",
                      "is packed, without documents or with too many");
  }
  if (plan.remainder_policy() != v1::REMAINDER_POLICY_UNEVEN &&
      plan.remainder_policy() != v1::REMAINDER_POLICY_PAD) {
    return FieldError("remainder_policy", "must be uneven or pad");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHeader(const v1::Plan& plan) {
  for (auto check : {CheckModelAndWorkload, CheckMesh, CheckDegrees,
                     CheckBatches, CheckStrategy, CheckLayout}) {
    if (absl::Status s = check(plan); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace ithaca::planner
