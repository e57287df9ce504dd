#include "daemon/groups/replan_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/groups/plan_source.h"
#include "daemon/groups/rpc_status.h"
#include "daemon/groups/sub_groups.h"
#include "daemon/planner/replan.h"

namespace ithaca::groups {
namespace {

namespace pv1 = planner::v1;

Refusal Impossible(const ReplanQuestion& question, size_t ranks,
                   size_t answers) {
  const std::string why =
      answers == 0 ? "nothing that is legal can run on what is left"
                   : absl::StrCat("no plan has the ", question.min_size,
                                  " ranks that the group must have");
  return Refusal{absl::StatusCode::kFailedPrecondition,
                 "REPLAN_IMPOSSIBLE",
                 absl::StrCat(question.lost.size(), " of ", ranks,
                              " ranks are gone, and ", why),
                 "wait until others join, or replan with new_nodes or fewer "
                 "constraints",
                 {}};
}

pv1::ReplanRequest RequestFor(const pv1::Plan& plan,
                              const ReplanQuestion& question,
                              const v1::ReplanGroupRequest& asked) {
  pv1::ReplanRequest request;
  *request.mutable_plan() = plan;
  *request.mutable_lost_nodes() = asked.lost_nodes();
  *request.mutable_new_nodes() = asked.new_nodes();
  // Kept by this daemon: what does not parse constrains nothing.
  request.mutable_constraints()->ParseFromString(question.constraints);
  request.mutable_constraints()->MergeFrom(asked.constraints());
  for (const uint32_t rank : question.lost) request.add_lost_ranks(rank);
  return request;
}

ReplanAnswer ToAnswer(const pv1::ReplanResponse& response) {
  ReplanAnswer answer;
  answer.plan_hash = response.plan().hash();
  answer.plan = response.plan().SerializeAsString();
  answer.mesh = MeshOf(response.plan());
  answer.moved_tokens = response.moved_tokens();
  for (const int32_t old : response.old_ranks()) {
    answer.old_ranks.push_back(
        old < 0 ? std::nullopt
                : std::make_optional(static_cast<uint32_t>(old)));
  }
  answer.text = response.text();
  while (!answer.text.empty() && answer.text.back() == '.')
    answer.text.pop_back();
  return answer;
}

}  // namespace

std::string KeptConstraints(const v1::CreateGroupRequest& request) {
  if (!request.has_plan_request()) return "";
  pv1::Constraints kept = request.plan_request().constraints();
  kept.clear_ranks();
  kept.clear_data_parallel_degree();
  kept.clear_ring_degree();
  kept.clear_ulysses_degree();
  return kept.SerializeAsString();
}

Result<ReplanAnswer> AnswerReplan(const ReplanQuestion& question,
                                  const v1::ReplanGroupRequest& asked,
                                  PlanShelf* shelf, store::Store* store) {
  const Result<PlanPtr> plan = PlanOfHash(question.plan_hash, shelf, store);
  if (!plan.ok()) return plan.refusal();
  const auto answers =
      planner::Replan(RequestFor(*plan.value(), question, asked));
  if (!answers.ok()) {
    return ToRefusal(answers.status(), "INVALID_REQUEST",
                     "correct the request; the plan in force is in GetGroup");
  }
  const pv1::ReplanResponse* chosen = nullptr;
  for (const pv1::ReplanResponse& answer : *answers) {
    if (static_cast<uint32_t>(answer.plan().ranks_size()) < question.min_size)
      continue;
    // The first moves least, the last uses most.
    if (chosen == nullptr || question.goal == ReplanGoal::kMostRanks)
      chosen = &answer;
  }
  if (chosen == nullptr) {
    return Impossible(question, static_cast<size_t>(plan.value()->ranks_size()),
                      answers->size());
  }
  if (auto refusal = CheckPlanSize(chosen->plan())) return *refusal;
  shelf->Put(chosen->plan());
  return ToAnswer(*chosen);
}

}  // namespace ithaca::groups
