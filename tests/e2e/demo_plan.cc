#include "tests/e2e/demo_plan.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ithaca::e2e {

using planner::v1::Plan;

absl::StatusOr<int> ToUlyssesDtype(planner::v1::DataType type) {
  switch (type) {
    case planner::v1::DATA_TYPE_FP32:
      return ITHACA_ULYSSES_F32;
    case planner::v1::DATA_TYPE_BF16:
      return ITHACA_ULYSSES_BF16;
    case planner::v1::DATA_TYPE_FP16:
      return ITHACA_ULYSSES_F16;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("data type ", type, " is not one of the exchange"));
  }
}

absl::StatusOr<ulysses::FlatPlan> ToFlatPlan(const Plan& plan) {
  if (plan.mesh().ulysses() != static_cast<uint32_t>(plan.ranks_size()))
    return absl::UnimplementedError(absl::StrCat(
        "the exchange runs one Ulysses group over all ranks; this plan has ",
        plan.ranks_size(), " ranks with detail and Ulysses degree ",
        plan.mesh().ulysses()));
  if (plan.sequence_layout() != planner::v1::SEQUENCE_LAYOUT_CONTIGUOUS)
    return absl::UnimplementedError("only contiguous tokens are exchanged yet");
  absl::StatusOr<int> dtype = ToUlyssesDtype(plan.workload().data_type());
  if (!dtype.ok()) return dtype.status();
  ulysses::FlatPlan flat;
  flat.dtype = *dtype;
  flat.batch = plan.workload().batch();
  flat.head_size = plan.model().head_size();
  flat.num_q_heads = plan.model().query_heads();
  flat.num_kv_heads = plan.model().kv_heads();
  flat.plan_hash = plan.hash();
  int64_t next = 0;  // where a rank without tokens stands
  for (const planner::v1::Rank& rank : plan.ranks()) {
    int64_t rows = 0;
    for (const auto& range : rank.token_ranges()) rows += range.count();
    const int64_t start =
        rows == 0 ? next : static_cast<int64_t>(rank.token_ranges(0).start());
    next = start + rows;
    flat.AddRank(
        rows, start, rank.query_heads().start(), rank.query_heads().count(),
        std::vector<int32_t>(rank.kv_heads().begin(), rank.kv_heads().end()));
  }
  return flat;
}

}  // namespace ithaca::e2e
