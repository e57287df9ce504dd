#include "daemon/planner/search/settings.h"

#include <algorithm>
#include <climits>
#include <numeric>

#include "daemon/planner/frameworks/framework_message.h"
#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/search/meshes.h"

namespace ithaca::planner {
namespace {

Recompute RecomputeOf(v1::Recompute recompute) {
  switch (recompute) {
    case v1::RECOMPUTE_SELECTIVE:
      return Recompute::kSelective;
    case v1::RECOMPUTE_FULL:
      return Recompute::kFull;
    default:
      return Recompute::kNone;
  }
}

std::vector<Recompute> OpenRecomputes(const Request& request) {
  const v1::Constraints& c = request.constraints;
  if (c.recompute() != v1::RECOMPUTE_UNSPECIFIED) {
    return {RecomputeOf(c.recompute())};
  }
  if (c.search() != v1::SEARCH_ALL ||
      request.workload.mode() != v1::MODE_TRAINING) {
    return {Recompute::kNone};
  }
  return {Recompute::kNone, Recompute::kSelective, Recompute::kFull};
}

// One rung: sets what it is about, unless the constraints give that.
using Step = void (*)(const v1::Constraints& c, Strategy& s);

constexpr Step kSteps[] = {
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_zero_stage()) s.zero_stage = std::max(s.zero_stage, 1u);
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_zero_stage()) s.zero_stage = std::max(s.zero_stage, 2u);
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_tiled_loss()) s.tiled_loss = true;
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_tiled_mlp()) s.tiled_mlp = true;
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_zero_stage()) s.zero_stage = 3;
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_offload_checkpoints() && s.recompute == Recompute::kFull) {
        s.offload_checkpoints = true;
      }
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_offload_optimizer() && s.zero_stage >= 1) {
        s.offload_optimizer = true;
      }
    },
    [](const v1::Constraints& c, Strategy& s) {
      if (!c.has_offload_parameters() && s.zero_stage == 3) {
        s.offload_parameters = true;
      }
    },
    // For frameworks that have both or neither.
    [](const v1::Constraints& c, Strategy& s) {
      if (s.zero_stage != 3) return;
      if (!c.has_offload_optimizer()) s.offload_optimizer = true;
      if (!c.has_offload_parameters()) s.offload_parameters = true;
    },
};

bool SameSettings(const Strategy& a, const Strategy& b) {
  return a.zero_stage == b.zero_stage && a.tiled_loss == b.tiled_loss &&
         a.tiled_mlp == b.tiled_mlp &&
         a.offload_checkpoints == b.offload_checkpoints &&
         a.offload_optimizer == b.offload_optimizer &&
         a.offload_parameters == b.offload_parameters;
}

// ZeRO and the host's part of it need a data group or a backward pass.
bool Worthwhile(const Request& request, const Strategy& s) {
  const uint64_t group = uint64_t{s.data_parallel} * s.ring * s.ulysses;
  const bool alone = request.constraints.frameworks().empty() && group == 1 &&
                     s.zero_stage > 0 &&
                     !request.constraints.has_zero_stage() &&
                     !s.offload_optimizer && !s.offload_parameters;
  const bool forward =
      request.workload.mode() != v1::MODE_TRAINING &&
      (s.offload_optimizer || (s.zero_stage > 0 && s.zero_stage < 3 &&
                               !request.constraints.has_zero_stage()));
  return !alone && !forward;
}

std::vector<Choice> Ladder(const Request& request, Choice choice) {
  const v1::Constraints& c = request.constraints;
  std::vector<Choice> rungs;
  const auto add = [&] {
    const bool new_rung =
        rungs.empty() || !SameSettings(rungs.back().strategy, choice.strategy);
    if (new_rung && Worthwhile(request, choice.strategy) &&
        CheckSettings(request, choice) == kNoFault &&
        CountRefusals(request, choice) == 0) {
      rungs.push_back(choice);
    }
  };
  add();
  if (c.search() != v1::SEARCH_ALL) return rungs;
  for (Step step : kSteps) {
    const Strategy before = choice.strategy;
    const int refusals = CountRefusals(request, choice);
    step(c, choice.strategy);
    // A rung that the frameworks do not have is left out.
    if (CountRefusals(request, choice) > refusals) choice.strategy = before;
    add();
  }
  return rungs;
}

// The lowest stage of ZeRO at which the frameworks refuse least.
uint32_t LowestStage(const Request& request, Choice choice) {
  uint32_t best = 0;
  int least = INT_MAX;
  for (uint32_t stage = 0; stage <= 3 && least > 0; ++stage) {
    choice.strategy.zero_stage = stage;
    const int count = CountRefusals(request, choice);
    if (count < least) best = stage;
    least = std::min(least, count);
  }
  return best;
}

// 1, all that the experts and ranks allow, and all within one node.
std::vector<uint32_t> ExpertDegrees(const Request& request,
                                    const Strategy& mesh) {
  const v1::Constraints& c = request.constraints;
  const uint32_t experts = request.model.experts();
  if (experts == 0 || c.has_expert_parallel_degree() ||
      c.search() != v1::SEARCH_ALL) {
    return {c.has_expert_parallel_degree() ? c.expert_parallel_degree() : 1};
  }
  const uint32_t group = mesh.data_parallel * mesh.ring * mesh.ulysses;
  const uint32_t most = std::gcd(group, experts);
  std::vector<uint32_t> degrees = {1};
  uint32_t in_node = 1;
  for (uint32_t d : DivisorsOf(most)) {
    if (d * mesh.tensor <= request.hardware.figures.accelerators_per_node) {
      in_node = d;
    }
  }
  if (in_node > 1 && in_node < most) degrees.push_back(in_node);
  if (most > 1) degrees.push_back(most);
  return degrees;
}

std::vector<HybridOrder> Orders(const Request& request, const Strategy& mesh) {
  if (mesh.ring == 1 || mesh.ulysses == 1) {
    return {HybridOrder::kUlyssesInside};
  }
  const v1::HybridOrder given = request.constraints.hybrid_order();
  if (given == v1::HYBRID_ORDER_RING_INSIDE) return {HybridOrder::kRingInside};
  const EngineLimits* engine = RingEngine(request.constraints);
  if (given != v1::HYBRID_ORDER_ULYSSES_INSIDE && engine != nullptr &&
      engine->hybrid == Hybrid::kRingInside) {
    return {HybridOrder::kRingInside};
  }
  if (given == v1::HYBRID_ORDER_ULYSSES_INSIDE ||
      request.constraints.search() != v1::SEARCH_ALL) {
    return {HybridOrder::kUlyssesInside};
  }
  return {HybridOrder::kUlyssesInside, HybridOrder::kRingInside};
}

}  // namespace

Choice GivenSettings(const Request& request, const Strategy& mesh) {
  const v1::Constraints& c = request.constraints;
  Choice choice;
  choice.layout =
      request.constraints.sequence_layout() != v1::SEQUENCE_LAYOUT_UNSPECIFIED
          ? request.constraints.sequence_layout()
          : DefaultLayout(request, mesh.ring);
  Strategy& s = choice.strategy;
  s = mesh;
  s.token_order = mesh.ring == 1 ? TokenOrder::kContiguous
                  : choice.layout == v1::SEQUENCE_LAYOUT_STRIPED
                      ? TokenOrder::kStriped
                  : choice.layout == v1::SEQUENCE_LAYOUT_CONTIGUOUS
                      ? TokenOrder::kContiguous
                      : TokenOrder::kZigzag;
  s.ring_gradients =
      mesh.ring > 1 && c.ring_gradients() == v1::RING_GRADIENTS_ELEMENT
          ? RingGradients::kElement
          : RingGradients::kFp32;
  s.hybrid_order = Orders(request, mesh).front();
  s.expert_parallel = ExpertDegrees(request, mesh).front();
  s.zero_stage = c.has_zero_stage() ? c.zero_stage() : 0;
  s.recompute = RecomputeOf(c.recompute());
  s.offload_optimizer = c.offload_optimizer();
  s.offload_parameters = c.offload_parameters();
  s.offload_checkpoints = c.offload_checkpoints();
  s.tiled_mlp = c.tiled_mlp();
  s.tiled_loss = c.tiled_loss();
  s.attention_chunk = c.attention_chunk();
  if (!c.has_zero_stage()) s.zero_stage = LowestStage(request, choice);
  return choice;
}

std::vector<Choice> OpenShapes(const Request& request, const Strategy& mesh) {
  std::vector<Choice> shapes;
  Choice shape = GivenSettings(request, mesh);
  for (HybridOrder order : Orders(request, mesh)) {
    for (uint32_t degree : ExpertDegrees(request, mesh)) {
      shape.strategy.hybrid_order = order;
      shape.strategy.expert_parallel = degree;
      shapes.push_back(shape);
    }
  }
  return shapes;
}

std::vector<std::vector<Choice>> Ladders(const Request& request,
                                         const Choice& shape) {
  std::vector<std::vector<Choice>> ladders;
  for (Recompute recompute : OpenRecomputes(request)) {
    Choice choice = shape;
    choice.strategy.recompute = recompute;
    ladders.push_back(Ladder(request, choice));
  }
  return ladders;
}

}  // namespace ithaca::planner
