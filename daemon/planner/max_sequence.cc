#include "daemon/planner/max_sequence.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/cost/max_sequence.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/request.h"
#include "daemon/planner/search/answers.h"
#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/search/meshes.h"
#include "daemon/planner/search/nearest.h"
#include "daemon/planner/search/settings.h"

namespace ithaca::planner {
namespace {

// What strategies are made legal with before a length is known.
constexpr uint64_t kAnyLength = uint64_t{1} << 30;

struct Longest {
  std::optional<Choice> choice;
  MaxSequenceResult result;
  std::string why;  // where nothing is legal
};

absl::StatusOr<Request> Resolve(const v1::MaxSequenceRequest& request) {
  v1::PlanRequest plan = request.request();
  plan.mutable_workload()->set_sequence_length(kAnyLength);
  plan.mutable_workload()->clear_cu_seqlens();
  absl::StatusOr<Request> resolved = ResolveRequest(plan, "request.");
  if (!resolved.ok()) return resolved;
  resolved->any_length = true;
  if (!IsKnown(resolved->model)) {
    return FieldError("request.model",
                      "memory needs the hidden size, the layers, the "
                      "feed-forward width and the vocabulary");
  }
  const Hardware& hardware = resolved->hardware.figures;
  if (!hardware.memory_bytes && !hardware.host_memory_bytes) {
    return FieldError("request.constraints.memory_bytes",
                      "missing; give the memory of an accelerator here, in "
                      "the hardware or in the topology");
  }
  if (absl::Status s = CheckRange("multiple_of", request.multiple_of(), 0,
                                  kMaxSequenceLength);
      !s.ok()) {
    return s;
  }
  return resolved;
}

class Finder {
 public:
  Finder(const Request& request, uint64_t multiple)
      : request_(request), multiple_(multiple), evaluator_(request) {}

  Longest Given() {
    const Choice choice =
        GivenSettings(request_, GivenMesh(request_.constraints));
    const Fault mesh = CheckMesh(request_, choice.strategy);
    if (mesh != kNoFault) {
      longest_.why = MeshReason(request_, choice.strategy, mesh);
    } else if (CheckSettings(request_, choice) != kNoFault) {
      longest_.why = SettingsReason(request_, choice);
    } else if (!CanRunFamily(request_.constraints, request_.model,
                             choice.strategy) ||
               FirstThatCannot(request_, choice) != 0) {
      longest_.why = "The families or frameworks rule the strategy out.";
    } else {
      Try(choice);
    }
    return std::move(longest_);
  }

  // The last rung of a ladder saves the most memory.
  Longest Any() {
    longest_.why = "No strategy on these ranks is legal.";
    for (const Strategy& mesh : LegalMeshes(request_, BoundsOf(request_))) {
      if (!CanRunFamily(request_.constraints, request_.model, mesh)) continue;
      for (const Choice& shape : OpenShapes(request_, mesh)) {
        if (CheckMesh(request_, shape.strategy) != kNoFault) continue;
        for (const std::vector<Choice>& ladder : Ladders(request_, shape)) {
          if (!ladder.empty()) Try(ladder.back());
        }
      }
    }
    return std::move(longest_);
  }

 private:
  void Try(const Choice& choice) {
    const Strategy& s = choice.strategy;
    // Frameworks may cut what a plan would not into pairs.
    const bool pairs = !request_.constraints.frameworks().empty();
    const uint64_t granularity =
        multiple_ != 0 ? multiple_
        : pairs        ? 2 * uint64_t{s.ring} * s.ulysses * s.tensor
                       : GranularityOf(s);
    if (granularity > kMaxSequenceLength) return;
    const MaxSequenceResult result =
        LongestSequence(evaluator_.dims(), evaluator_.WorkFor(s.data_parallel),
                        s, evaluator_.Heads(s), request_.hardware.figures,
                        MemoryAssumptions(), granularity, kMaxSequenceLength);
    if (longest_.choice && result.sequence <= longest_.result.sequence) return;
    longest_.choice = choice;
    longest_.result = result;
  }

  const Request& request_;
  const uint64_t multiple_;
  Evaluator evaluator_;
  Longest longest_;
};

// The plan at the length that was found; absent where it is beyond any plan.
std::optional<v1::Plan> PlanAt(const v1::PlanRequest& asked,
                               const Request& request, const Choice& choice,
                               uint64_t length) {
  v1::PlanRequest plan = asked;
  plan.mutable_workload()->set_sequence_length(length);
  plan.mutable_workload()->clear_cu_seqlens();
  *plan.mutable_constraints() = ConstraintsOf(request, choice);
  plan.set_detail(v1::DETAIL_SUMMARY);
  const auto made = MakePlan(plan);
  if (!made.ok() || made->plans().empty()) return std::nullopt;
  return made->plans(0);
}

}  // namespace

absl::StatusOr<v1::MaxSequenceResponse> FindMaxSequence(
    const v1::MaxSequenceRequest& request) {
  const absl::StatusOr<Request> resolved = Resolve(request);
  if (!resolved.ok()) return resolved.status();
  Finder finder(*resolved, request.multiple_of());
  const Longest longest = resolved->constraints.search() == v1::SEARCH_ALL
                              ? finder.Any()
                              : finder.Given();
  v1::MaxSequenceResponse response;
  if (!longest.choice) {
    response.set_binding_constraint(longest.why);
    return response;
  }
  response.set_sequence_length(longest.result.sequence);
  response.set_binding_constraint(
      longest.result.binding == Binding::kNone
          ? absl::StrCat("the planner's own bound of ", kMaxSequenceLength,
                         " tokens")
          : NameOf(longest.result.binding));
  if (longest.result.sequence == 0) return response;
  if (auto plan = PlanAt(request.request(), *resolved, *longest.choice,
                         longest.result.sequence)) {
    *response.mutable_plan() = *std::move(plan);
  }
  return response;
}

}  // namespace ithaca::planner
