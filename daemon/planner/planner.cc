#include "daemon/planner/planner.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/plan_builder.h"
#include "daemon/planner/request.h"
#include "daemon/planner/search/answers.h"
#include "daemon/planner/search/describe.h"
#include "daemon/planner/search/estimate.h"
#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/search/meshes.h"
#include "daemon/planner/search/placing.h"
#include "daemon/planner/search/search.h"
#include "daemon/planner/search/settings.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

absl::Status CheckDetail(const Request& request, const Strategy& s) {
  if (request.detail != v1::DETAIL_FULL) return absl::OkStatus();
  const uint64_t ranks =
      request.window ? request.window->count() : request.constraints.ranks();
  if (ranks * s.ulysses <= kMaxExchangeEntries) return absl::OkStatus();
  return FieldError("detail",
                    absl::StrCat("the counts of ", ranks,
                                 " ranks are too many for one message; ask for "
                                 "DETAIL_SUMMARY, or part of them with "
                                 "rank_window"));
}

// The plan with its estimate, at its places.
v1::Plan Complete(const Request& request, const Choice& choice,
                  Evaluator& evaluator) {
  std::optional<std::vector<topology::Slot>> places;
  Placement placement = evaluator.InOrder(choice.strategy);
  if (request.slots) {
    places = PlaceRanks(request.topology, choice.strategy);
    placement = PlacementAt(request.topology, choice.strategy, *places);
  }
  v1::Plan plan = BuildPlan(request, choice, places);
  *plan.mutable_estimate() = EstimateOf(request, choice, placement, evaluator);
  return plan;
}

absl::Status Take(const Request& request, const Candidate& taken,
                  Evaluator& evaluator, v1::PlanResponse& response) {
  absl::Status s = CheckDetail(request, taken.choice.strategy);
  if (!s.ok()) return s;
  *response.add_plans() = Complete(request, taken.choice, evaluator);
  for (v1::FrameworkLayout& layout :
       FrameworkLayouts(request, taken.choice, response.plans(0))) {
    *response.add_framework_layouts() = std::move(layout);
  }
  AddCrossovers(request, evaluator, response);
  return absl::OkStatus();
}

absl::StatusOr<v1::PlanResponse> PlanGiven(const Request& request,
                                           Evaluator& evaluator) {
  v1::PlanResponse response;
  response.set_strategies_considered(1);
  Candidate taken;
  taken.choice = GivenSettings(request, GivenMesh(request.constraints));
  const Strategy& mesh = taken.choice.strategy;
  const Obstacle obstacle = ObstacleOf(request, taken.choice, evaluator);
  if (obstacle.code != v1::REJECTION_CODE_UNSPECIFIED) {
    RejectAll(request, obstacle, response);
    return response;
  }
  if (!BytesFit(request, mesh)) {
    return CheckBytesFit("workload", request.model, request.workload,
                         UINT64_MAX);
  }
  if (!CanRunFamily(request.constraints, request.model, mesh)) {
    RejectOthers(request, mesh, nullptr, {}, {}, response);
    return response;
  }
  taken.family = FamilyOf(request.model, mesh);
  taken.figures = evaluator.Evaluate(taken.choice);
  absl::Status s = Take(request, taken, evaluator, response);
  if (!s.ok()) return s;
  RejectOthers(request, mesh, &taken, {}, {}, response);
  return response;
}

// What a search finds that does not look at frameworks; nothing where the
// constraints name none.
std::vector<Candidate> WithoutFrameworks(const Request& request,
                                         Evaluator& evaluator) {
  if (request.constraints.frameworks().empty()) return {};
  Request open = request;
  open.constraints.clear_frameworks();
  return SearchAll(open, evaluator).ranked;
}

// Why a search found nothing at all.
Obstacle NothingFound(const Request& request, Fault fault,
                      Evaluator& evaluator) {
  const Strategy guess = GivenMesh(request.constraints);
  if (const Fault at_guess = CheckMesh(request, guess);
      at_guess != kNoFault &&
      (fault == v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS)) {
    return {at_guess, MeshReason(request, guess, at_guess)};
  }
  switch (fault) {
    case v1::REJECTION_CODE_EXCLUDED_BY_CONSTRAINTS:
      return {fault,
              "No mesh of these ranks belongs to a family that "
              "constraints.families lists."};
    case v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN: {
      const std::vector<Candidate> any = WithoutFrameworks(request, evaluator);
      std::string reason =
          "No strategy on these ranks can be run by every framework that "
          "constraints.frameworks lists.";
      if (!any.empty()) {
        const Choice& best = any.front().choice;
        absl::StrAppend(
            &reason, " Of the best, ", Describe(best.strategy), ": ",
            WhyFrameworkCannot(FirstThatCannot(request, best), request, best));
      }
      return {fault, reason};
    }
    case v1::REJECTION_CODE_EXPERTS_DO_NOT_DIVIDE:
      return {fault, "No mesh of these ranks has that expert-parallel degree."};
    case v1::REJECTION_CODE_SETTINGS_CONFLICT:
      return {fault, "The settings that are given exclude each other."};
    default:
      return {v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS,
              absl::StrCat("No mesh of ", request.constraints.ranks(),
                           " ranks has the degrees that are given.")};
  }
}

absl::StatusOr<v1::PlanResponse> PlanSearched(const Request& request,
                                              Evaluator& evaluator) {
  v1::PlanResponse response;
  const SearchResult found = SearchAll(request, evaluator);
  response.set_strategies_considered(found.considered);
  if (found.ranked.empty()) {
    if (!BytesFit(request.model, request.workload, 1)) {
      return CheckBytesFit("workload", request.model, request.workload, 1);
    }
    RejectAll(request, NothingFound(request, found.fault, evaluator), response);
    return response;
  }
  const Candidate& best = found.ranked.front();
  if (!best.figures.fits) {
    RejectAll(request, ObstacleOf(request, best.choice, evaluator), response);
    AddAlternatives(request, found.ranked, response);
    return response;
  }
  absl::Status s = Take(request, best, evaluator, response);
  if (!s.ok()) return s;
  RejectOthers(request, best.choice.strategy, &best, found.ranked,
               WithoutFrameworks(request, evaluator), response);
  AddAlternatives(request, found.ranked, response);
  return response;
}

}  // namespace

absl::StatusOr<v1::PlanResponse> MakePlan(const v1::PlanRequest& request) {
  absl::StatusOr<Request> resolved = ResolveRequest(request);
  if (!resolved.ok()) return resolved.status();
  Evaluator evaluator(*resolved);
  return resolved->constraints.search() == v1::SEARCH_ALL
             ? PlanSearched(*resolved, evaluator)
             : PlanGiven(*resolved, evaluator);
}

}  // namespace ithaca::planner
