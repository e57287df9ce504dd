#include "daemon/groups/plan_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/record_keys.h"
#include "daemon/groups/rpc_status.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/validate.h"

namespace ithaca::groups {
namespace {

constexpr size_t kHashDigits = 64;

Result<PlanPtr> Checked(const planner::v1::Plan& plan, PlanShelf* shelf) {
  const planner::v1::ValidateResponse verdict = planner::ValidatePlan(plan);
  if (!verdict.valid()) {
    const std::string first =
        verdict.findings_size() == 0
            ? "it does not hold together"
            : absl::StrCat(verdict.findings(0).field(), ": ",
                           verdict.findings(0).message());
    return Refusal{
        absl::StatusCode::kInvalidArgument,
        "INVALID_PLAN",
        absl::StrCat("plan: ", first),
        "take the plan from PlannerService.Plan as it is, with full detail",
        {}};
  }
  if (auto refusal = CheckPlanSize(plan)) return *refusal;
  shelf->Put(plan);
  return std::make_shared<const planner::v1::Plan>(plan);
}

Result<PlanPtr> Made(const planner::v1::PlanRequest& request,
                     PlanShelf* shelf) {
  planner::v1::PlanRequest full = request;
  full.set_detail(planner::v1::DETAIL_FULL);
  const auto made = planner::MakePlan(full);
  if (!made.ok()) {
    return ToRefusal(made.status(), "INVALID_REQUEST", "correct plan_request");
  }
  if (made->plans_size() > 0) return Checked(made->plans(0), shelf);
  const std::string why = made->rejected_size() > 0 ? made->rejected(0).reason()
                                                    : "nothing satisfies it";
  return Refusal{absl::StatusCode::kFailedPrecondition,
                 "NO_PLAN",
                 "plan_request: " + why,
                 "PlannerService.Plan gives the reason against every family, "
                 "and the nearest "
                 "legal constraints",
                 {}};
}

bool IsHash(const std::string& text) {
  return text.size() == kHashDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::optional<Refusal> CheckPlanSize(const planner::v1::Plan& plan) {
  if (plan.ByteSizeLong() <= store::kMaxValueBytes) return std::nullopt;
  return Refusal{absl::StatusCode::kResourceExhausted,
                 "LIMIT_EXCEEDED",
                 absl::StrCat("the plan has ", plan.ByteSizeLong(), " bytes; ",
                              store::kMaxValueBytes, " can be kept"),
                 "plan for fewer ranks in one Ulysses group",
                 {}};
}

Result<PlanPtr> PlanOfRequest(const v1::CreateGroupRequest& request,
                              PlanShelf* shelf) {
  switch (request.source_case()) {
    case v1::CreateGroupRequest::kPlan:
      return Checked(request.plan(), shelf);
    case v1::CreateGroupRequest::kPlanRequest:
      return Made(request.plan_request(), shelf);
    case v1::CreateGroupRequest::kPlanHash:
      if (IsHash(request.plan_hash())) return PlanPtr();
      return InvalidRequest(
          "plan_hash: is not 64 lower-case hexadecimal digits",
          "use Plan.hash");
    case v1::CreateGroupRequest::SOURCE_NOT_SET:
      break;
  }
  return InvalidRequest("source: is missing",
                        "give plan, plan_hash or plan_request");
}

Result<PlanPtr> PlanOfHash(const std::string& hash, PlanShelf* shelf,
                           store::Store* store) {
  if (PlanPtr plan = shelf->Get(hash)) return plan;
  const auto entry = store->Get(PlanKey(hash));
  if (!entry.ok()) {
    return ToRefusal(entry.status(), "STORE_FAILED",
                     "call again when that is repaired");
  }
  planner::v1::Plan plan;
  if (!entry->has_value() || !plan.ParseFromString((*entry)->value)) {
    return Refusal{absl::StatusCode::kNotFound,
                   "UNKNOWN_PLAN",
                   "this daemon made no plan of hash " + hash + " lately",
                   "plan again, or give the plan itself",
                   {}};
  }
  shelf->Put(plan);
  return std::make_shared<const planner::v1::Plan>(std::move(plan));
}

}  // namespace ithaca::groups
