#include "daemon/planner/planner.h"

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/legality.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/plan_builder.h"
#include "daemon/planner/rejections.h"
#include "daemon/planner/request.h"

namespace ithaca::planner {
namespace {

Case CaseOf(const Request& request) {
  Case c;
  c.query_heads = request.model.query_heads();
  c.kv_heads = request.model.kv_heads();
  c.sequence_length = request.workload.sequence_length();
  if (request.slots) c.slots = request.slots->size();
  return c;
}

absl::Status CheckDetail(const Request& request, const Degrees& degrees) {
  const uint64_t entries =
      uint64_t{request.constraints.ranks()} * degrees.ulysses;
  if (request.summary || entries <= kMaxExchangeEntries) {
    return absl::OkStatus();
  }
  return FieldError("detail",
                    absl::StrCat("the counts of ", request.constraints.ranks(),
                                 " ranks are too many for one message; ask for "
                                 "DETAIL_SUMMARY"));
}

}  // namespace

absl::StatusOr<v1::PlanResponse> MakePlan(const v1::PlanRequest& request) {
  absl::StatusOr<Request> resolved = ResolveRequest(request);
  if (!resolved.ok()) return resolved.status();
  const Case c = CaseOf(*resolved);
  v1::PlanResponse response;
  const DegreesOrObstacle found = FindDegrees(c, resolved->constraints);
  if (found.obstacle) {
    RejectAll(c, resolved->constraints, *found.obstacle, response);
    return response;
  }
  const v1::Family family =
      FamilyOf(c.query_heads, c.kv_heads, found.degrees.ulysses);
  if (!CanRun(resolved->constraints, family)) {
    RejectOthers(c, resolved->constraints, found.degrees,
                 v1::FAMILY_UNSPECIFIED, response);
    return response;
  }
  if (absl::Status s = CheckDetail(*resolved, found.degrees); !s.ok()) return s;
  *response.add_plans() = BuildPlan(*resolved, found.degrees);
  RejectOthers(c, resolved->constraints, found.degrees, family, response);
  return response;
}

}  // namespace ithaca::planner
