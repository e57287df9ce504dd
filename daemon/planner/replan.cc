#include "daemon/planner/replan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/plan_builder.h"
#include "daemon/planner/rank_moves.h"
#include "daemon/planner/request.h"
#include "daemon/planner/search/answers.h"
#include "daemon/planner/search/describe.h"
#include "daemon/planner/search/estimate.h"
#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/legal.h"
#include "daemon/planner/search/meshes.h"
#include "daemon/planner/search/settings.h"
#include "daemon/planner/strategy_message.h"
#include "daemon/planner/validate.h"
#include "daemon/topology/check.h"
#include "daemon/topology/slots.h"

namespace ithaca::planner {
namespace {

using topology::Slot;

// Numbers of replicas, and of ranks for one sequence, that are tried at most.
constexpr uint64_t kMaxTries = 64;

bool HasPlaces(const v1::Plan& plan) { return plan.ranks(0).has_place(); }

absl::Status CheckPlan(const v1::ReplanRequest& request) {
  const v1::Plan& plan = request.plan();
  const v1::ValidateResponse verdict = ValidatePlan(plan);
  if (!verdict.valid()) {
    const v1::Finding& first = verdict.findings(0);
    return FieldError(absl::StrCat("plan.", first.field()), first.message());
  }
  // Without places there are only ranks, which go on as each other.
  const bool names_nodes =
      request.lost_nodes_size() > 0 || request.new_nodes().nodes_size() > 0;
  for (int i = 0; i < plan.ranks_size(); ++i) {
    const bool placed = plan.ranks(i).has_place();
    if (placed || (!names_nodes && !HasPlaces(plan))) continue;
    return FieldError(absl::StrCat("plan.ranks[", i, "].place"),
                      "missing; plan with a topology, or name lost_ranks");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::set<int>> LostRanks(const v1::ReplanRequest& request) {
  std::set<int> lost;
  for (int i = 0; i < request.lost_ranks_size(); ++i) {
    if (request.lost_ranks(i) >=
        static_cast<uint32_t>(request.plan().ranks_size())) {
      return FieldError(absl::StrCat("lost_ranks[", i, "]"),
                        "is not a rank of the plan");
    }
    lost.insert(static_cast<int>(request.lost_ranks(i)));
  }
  return lost;
}

absl::StatusOr<std::set<std::string>> LostNodes(
    const v1::ReplanRequest& request) {
  std::set<std::string> known;
  for (const v1::Rank& rank : request.plan().ranks()) {
    known.insert(rank.place().node());
  }
  std::set<std::string> lost;
  for (int i = 0; i < request.lost_nodes_size(); ++i) {
    if (known.count(request.lost_nodes(i)) == 0) {
      return FieldError(absl::StrCat("lost_nodes[", i, "]"),
                        "is not a node of the plan");
    }
    lost.insert(request.lost_nodes(i));
  }
  return lost;
}

// Slots of the new nodes that the plan does not use already.
absl::Status AddNewSlots(const v1::ReplanRequest& request, Survivors& left) {
  if (request.new_nodes().nodes().empty()) return absl::OkStatus();
  absl::Status s =
      ithaca::topology::CheckTopology(request.new_nodes(), "new_nodes");
  if (!s.ok()) return s;
  auto slots = ithaca::topology::ListSlots(request.new_nodes(), "new_nodes");
  if (!slots.ok()) return slots.status();
  std::set<std::pair<std::string, uint32_t>> used;
  // Those of lost ranks are not there any more, whatever the topology says.
  for (const v1::Rank& rank : request.plan().ranks()) {
    const v1::Place& place = rank.place();
    if (std::count(request.lost_nodes().begin(), request.lost_nodes().end(),
                   place.node()) == 0) {
      used.insert({place.node(), place.local_index()});
    }
  }
  for (Slot& slot : *slots) {
    if (used.count({slot.node, slot.local_index}) != 0) continue;
    left.slots.push_back(std::move(slot));
    left.old_ranks.emplace_back();
  }
  return absl::OkStatus();
}

// The plan's own settings as constraints, with its degrees left out; what the
// request gives wins.
v1::Constraints ConstraintsFor(const v1::ReplanRequest& request) {
  const v1::Plan& plan = request.plan();
  const v1::Strategy& s = plan.strategy();
  v1::Constraints c;
  c.set_remainder_policy(plan.remainder_policy());
  c.set_zero_stage(s.zero_stage());
  c.set_recompute(s.recompute());
  c.set_offload_optimizer(s.offload_optimizer());
  c.set_offload_parameters(s.offload_parameters());
  c.set_offload_checkpoints(s.offload_checkpoints());
  c.set_tiled_mlp(s.tiled_mlp());
  c.set_tiled_loss(s.tiled_loss());
  c.set_attention_chunk(s.attention_chunk());
  c.set_expert_parallel_degree(s.expert_parallel());
  c.set_hybrid_order(s.hybrid_order());
  c.set_ring_gradients(s.ring_gradients());
  c.MergeFrom(request.constraints());
  c.set_tensor_degree(plan.mesh().tensor());
  c.set_pipeline_degree(plan.mesh().pipeline());
  c.set_search(v1::SEARCH_GIVEN);
  return c;
}

v1::PlanRequest RequestFor(const v1::ReplanRequest& request, uint32_t ranks) {
  const v1::Plan& plan = request.plan();
  v1::PlanRequest made;
  *made.mutable_model() = plan.model();
  *made.mutable_workload() = plan.workload();
  // The work of a replica stays; how many replicas there are does not.
  made.mutable_workload()->clear_global_batch();
  *made.mutable_constraints() = ConstraintsFor(request);
  made.mutable_constraints()->set_ranks(ranks);
  if (plan.estimate().has_hardware()) {
    *made.mutable_hardware() = plan.estimate().hardware();
  }
  made.set_detail(v1::DETAIL_FULL);
  return made;
}

v1::Mesh WithDegrees(const v1::Mesh& old, uint64_t data, uint64_t ring,
                     uint64_t ulysses) {
  v1::Mesh mesh = old;
  mesh.set_data_parallel(static_cast<uint32_t>(data));
  mesh.set_ring(static_cast<uint32_t>(ring));
  mesh.set_ulysses(static_cast<uint32_t>(ulysses));
  return mesh;
}

// The ways to spread one sequence over `ranks`, with a ring up to twice as long
// as before.
std::vector<v1::Mesh> Spreads(const v1::Mesh& old, uint64_t data,
                              uint64_t ranks) {
  std::vector<v1::Mesh> meshes;
  for (uint32_t ring : DivisorsOf(static_cast<uint32_t>(ranks))) {
    if (ring > 2 * old.ring()) break;
    meshes.push_back(WithDegrees(old, data, ring, ranks / ring));
  }
  return meshes;
}

class Replanner {
 public:
  Replanner(const v1::ReplanRequest& request, const Survivors& left)
      : request_(request), left_(left) {}

  // As before with as many replicas as there is room for; then for each number
  // of replicas the most ranks for one sequence that are legal.
  absl::Status TryAll() {
    const v1::Mesh& old = request_.plan().mesh();
    const uint64_t fixed = uint64_t{old.tensor()} * old.pipeline();
    const uint64_t room = left_.slots.size() / fixed;
    const uint64_t group = uint64_t{old.ring()} * old.ulysses();
    if (absl::Status s =
            TryOne(WithDegrees(old, room / group, old.ring(), old.ulysses()));
        !s.ok()) {
      return s;
    }
    const uint64_t most = std::min<uint64_t>(old.data_parallel(), room);
    for (uint64_t data = most; data > 0 && most - data < kMaxTries; --data) {
      const uint64_t ranks = room / data;
      const size_t before = found_.size();
      for (uint64_t p = ranks; p > 0 && ranks - p < kMaxTries; --p) {
        for (const v1::Mesh& mesh : Spreads(old, data, p)) {
          if (absl::Status s = TryOne(mesh); !s.ok()) return s;
        }
        if (found_.size() > before) break;
      }
    }
    return absl::OkStatus();
  }

  std::vector<v1::ReplanResponse> Take() { return std::move(found_); }

 private:
  absl::Status TryOne(const v1::Mesh& mesh) {
    if (mesh.data_parallel() == 0) return absl::OkStatus();
    auto answer = Try(mesh);
    if (!answer.ok()) return answer.status();
    if (answer->has_value()) found_.push_back(*std::move(*answer));
    return absl::OkStatus();
  }

  // nullopt: not legal, or it does not fit.
  absl::StatusOr<std::optional<v1::ReplanResponse>> Try(const v1::Mesh& mesh) {
    const std::optional<uint32_t> ranks = RankCount(mesh);
    v1::PlanRequest asked = RequestFor(request_, *ranks);
    v1::Constraints& c = *asked.mutable_constraints();
    c.set_data_parallel_degree(mesh.data_parallel());
    c.set_ring_degree(mesh.ring());
    c.set_ulysses_degree(mesh.ulysses());
    const absl::StatusOr<Request> resolved = ResolveRequest(asked);
    if (!resolved.ok()) return resolved.status();
    const Choice choice =
        GivenSettings(*resolved, GivenMesh(resolved->constraints));
    Evaluator evaluator(*resolved);
    if (ObstacleOf(*resolved, choice, evaluator).code != kNoFault ||
        !BytesFit(*resolved, choice.strategy) ||
        !CanRunFamily(resolved->constraints, resolved->model,
                      choice.strategy)) {
      return std::nullopt;
    }
    return std::make_optional(Answer(*resolved, choice, evaluator));
  }

  v1::ReplanResponse Answer(const Request& request, const Choice& choice,
                            Evaluator& evaluator) {
    const v1::Plan bare = BuildPlan(request, choice, std::nullopt);
    const std::vector<size_t> at = MatchRanks(request_.plan(), bare, left_);
    std::vector<Slot> places;
    for (size_t slot : at) places.push_back(left_.slots[slot]);
    v1::ReplanResponse answer;
    *answer.mutable_plan() = BuildPlan(
        request, choice,
        HasPlaces(request_.plan()) ? std::make_optional(places) : std::nullopt);
    for (const size_t slot : at)
      answer.add_old_ranks(left_.old_ranks[slot].value_or(-1));
    *answer.mutable_plan()->mutable_estimate() = EstimateOf(
        request, choice, evaluator.InOrder(choice.strategy), evaluator);
    AddMoves(request_.plan(), left_, at, answer);
    answer.set_idle_slots(
        static_cast<uint32_t>(left_.slots.size() - at.size()));
    answer.set_text(
        absl::StrCat(at.size(), " of ", left_.slots.size(), " slots run ",
                     Describe(choice.strategy), ". ", answer.moves_size(),
                     " ranks hold something new: ", answer.moved_tokens(),
                     " tokens move in each sequence."));
    return answer;
  }

  const v1::ReplanRequest& request_;
  const Survivors& left_;
  std::vector<v1::ReplanResponse> found_;
};

bool MovesLess(const v1::ReplanResponse& a, const v1::ReplanResponse& b) {
  if (a.moves_size() != b.moves_size()) return a.moves_size() < b.moves_size();
  if (a.moved_tokens() != b.moved_tokens()) {
    return a.moved_tokens() < b.moved_tokens();
  }
  return a.plan().ranks_size() > b.plan().ranks_size();
}

}  // namespace

absl::StatusOr<std::vector<v1::ReplanResponse>> Replan(
    const v1::ReplanRequest& request) {
  if (!request.has_plan()) {
    return FieldError("plan", "missing; give the plan in force");
  }
  if (absl::Status s = CheckPlan(request); !s.ok()) return s;
  const auto lost = LostNodes(request);
  if (!lost.ok()) return lost.status();
  const auto lost_ranks = LostRanks(request);
  if (!lost_ranks.ok()) return lost_ranks.status();
  Survivors left;
  for (int i = 0; i < request.plan().ranks_size(); ++i) {
    const v1::Place& place = request.plan().ranks(i).place();
    if (lost->count(place.node()) != 0 || lost_ranks->count(i) != 0) continue;
    left.slots.push_back({place.node(), place.local_index()});
    left.old_ranks.emplace_back(i);
  }
  if (absl::Status s = AddNewSlots(request, left); !s.ok()) return s;
  Replanner replanner(request, left);
  if (absl::Status s = replanner.TryAll(); !s.ok()) return s;
  std::vector<v1::ReplanResponse> found = replanner.Take();
  std::stable_sort(found.begin(), found.end(), MovesLess);
  std::vector<v1::ReplanResponse> answers;
  for (v1::ReplanResponse& answer : found) {
    if (!answers.empty() &&
        answer.plan().ranks_size() <= answers.back().plan().ranks_size()) {
      continue;
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace ithaca::planner
