#include "daemon/planner/search/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/meshes.h"
#include "daemon/planner/search/search.h"
#include "daemon/planner/search/settings.h"

namespace ithaca::planner {
namespace {

// Numbers of ranks that are tried below the wanted one before only powers of
// two are.
constexpr uint32_t kMaxTries = 1024;

void ClearDegrees(v1::Constraints& c) {
  c.clear_ulysses_degree();
  c.clear_data_parallel_degree();
  c.clear_pipeline_degree();
  c.clear_ring_degree();
  c.clear_tensor_degree();
}

void ClearSettings(v1::Constraints& c) {
  c.clear_zero_stage();
  c.clear_recompute();
  c.clear_offload_optimizer();
  c.clear_offload_parameters();
  c.clear_offload_checkpoints();
  c.clear_tiled_mlp();
  c.clear_tiled_loss();
  c.clear_attention_chunk();
  c.clear_expert_parallel_degree();
  c.clear_hybrid_order();
  c.clear_sequence_layout();
}

uint64_t Distance(uint64_t wanted, uint64_t found, uint64_t weight) {
  if (wanted == found) return 0;
  const uint64_t high = std::max(wanted, found);
  const uint64_t low = std::max<uint64_t>(1, std::min(wanted, found));
  return weight * (64 + std::min<uint64_t>(16 * (high / low), 1 << 20));
}

// How much of the request's degrees `mesh` changes.
uint64_t DistanceTo(const v1::Constraints& c, const Strategy& wanted,
                    const Strategy& mesh) {
  return Distance(wanted.ulysses, mesh.ulysses,
                  c.has_ulysses_degree() ? 2 : 1) +
         Distance(wanted.ring, mesh.ring, c.has_ring_degree() ? 2 : 1) +
         Distance(wanted.data_parallel, mesh.data_parallel,
                  c.has_data_parallel_degree() ? 4 : 2) +
         Distance(wanted.tensor, mesh.tensor, c.has_tensor_degree() ? 6 : 3) +
         Distance(wanted.pipeline, mesh.pipeline,
                  c.has_pipeline_degree() ? 6 : 3);
}

// What one attempt found.
enum class Outcome { kNothingLegal, kNothingFits, kFound };

class Nearest {
 public:
  explicit Nearest(const Request& request)
      : request_(request), wanted_(GivenMesh(request.constraints)) {}

  // Tries numbers of ranks from the wanted one down.
  Outcome TryAllRanks(const Request& open) {
    Request tried = open;
    uint64_t ranks = open.constraints.ranks();
    if (open.slots) ranks = std::min(ranks, *open.slots);
    Outcome outcome = Outcome::kNothingLegal;
    for (uint32_t tries = 0; ranks > 0; ++tries) {
      tried.constraints.set_ranks(static_cast<uint32_t>(ranks));
      outcome = TryRanks(tried);
      // Fewer ranks have less memory.
      if (outcome != Outcome::kNothingLegal) return outcome;
      if (tries < kMaxTries) {
        --ranks;
      } else {
        while ((ranks & (ranks - 1)) != 0) ranks &= ranks - 1;
        if (tries > kMaxTries) ranks /= 2;
      }
    }
    return outcome;
  }

  const v1::Constraints& found() const { return found_; }

 private:
  // With the settings kept, then with any.
  Outcome TryRanks(Request& tried) {
    const v1::Constraints kept = tried.constraints;
    tried.constraints.set_search(request_.constraints.search());
    const Outcome outcome = TryMeshes(tried);
    if (outcome == Outcome::kFound) return outcome;
    tried.constraints = kept;
    ClearSettings(tried.constraints);
    tried.constraints.set_search(v1::SEARCH_ALL);
    const Outcome relaxed = TryMeshes(tried);
    tried.constraints = kept;
    return relaxed == Outcome::kNothingLegal ? outcome : relaxed;
  }

  Outcome TryMeshes(const Request& tried) {
    std::vector<std::pair<uint64_t, Strategy>> meshes;
    MeshBounds bounds;
    bounds.most_tensor = UINT32_MAX;
    for (const Strategy& mesh : LegalMeshes(tried, bounds)) {
      if (!BytesFit(tried, mesh) ||
          !CanRunFamily(tried.constraints, tried.model, mesh)) {
        continue;
      }
      meshes.emplace_back(DistanceTo(request_.constraints, wanted_, mesh),
                          mesh);
    }
    std::stable_sort(
        meshes.begin(), meshes.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    Evaluator evaluator(tried);
    Outcome outcome = Outcome::kNothingLegal;
    for (const auto& [distance, mesh] : meshes) {
      const Outcome one = TryMesh(tried, mesh, evaluator);
      if (one == Outcome::kFound) return one;
      outcome = std::max(outcome, one);
    }
    return outcome;
  }

  Outcome TryMesh(const Request& tried, const Strategy& mesh,
                  Evaluator& evaluator) {
    Outcome outcome = Outcome::kNothingLegal;
    for (const Choice& shape : OpenShapes(tried, mesh)) {
      if (CheckMesh(tried, shape.strategy) != kNoFault) continue;
      for (const std::vector<Choice>& ladder : Ladders(tried, shape)) {
        const Choice* choice = FirstThatFits(ladder, evaluator);
        if (choice == nullptr) continue;
        outcome = Outcome::kNothingFits;
        if (!evaluator.Fits(*choice)) continue;
        found_ = ConstraintsOf(tried, *choice);
        return Outcome::kFound;
      }
    }
    return outcome;
  }

  const Request& request_;
  const Strategy wanted_;
  v1::Constraints found_;
};

v1::RingGradients GradientsOf(RingGradients gradients) {
  return gradients == RingGradients::kElement ? v1::RING_GRADIENTS_ELEMENT
                                              : v1::RING_GRADIENTS_FP32;
}

}  // namespace

v1::Constraints ConstraintsOf(const Request& request, const Choice& choice) {
  const Strategy& s = choice.strategy;
  v1::Constraints c = request.constraints;
  c.set_search(v1::SEARCH_GIVEN);
  c.set_ulysses_degree(s.ulysses);
  c.set_data_parallel_degree(s.data_parallel);
  c.set_pipeline_degree(s.pipeline);
  c.set_ring_degree(s.ring);
  c.set_tensor_degree(s.tensor);
  c.set_zero_stage(s.zero_stage);
  c.set_recompute(
      static_cast<v1::Recompute>(static_cast<int>(s.recompute) + 1));
  c.set_offload_optimizer(s.offload_optimizer);
  c.set_offload_parameters(s.offload_parameters);
  c.set_offload_checkpoints(s.offload_checkpoints);
  c.set_tiled_mlp(s.tiled_mlp);
  c.set_tiled_loss(s.tiled_loss);
  c.set_attention_chunk(s.attention_chunk);
  c.set_expert_parallel_degree(s.expert_parallel);
  c.set_hybrid_order(s.hybrid_order == HybridOrder::kRingInside
                         ? v1::HYBRID_ORDER_RING_INSIDE
                         : v1::HYBRID_ORDER_ULYSSES_INSIDE);
  c.set_sequence_layout(choice.layout);
  if (s.ring > 1) c.set_ring_gradients(GradientsOf(s.ring_gradients));
  return c;
}

std::optional<v1::Constraints> NearestLegal(const Request& request,
                                            v1::Family family) {
  Request open = request;
  ClearDegrees(open.constraints);
  if (family != v1::FAMILY_UNSPECIFIED) {
    open.constraints.clear_families();
    open.constraints.add_families(family);
  }
  Nearest nearest(request);
  if (nearest.TryAllRanks(open) == Outcome::kFound) return nearest.found();
  open.constraints.clear_families();
  if (nearest.TryAllRanks(open) == Outcome::kFound) return nearest.found();
  open.constraints.clear_frameworks();
  if (nearest.TryAllRanks(open) == Outcome::kFound) return nearest.found();
  return std::nullopt;
}

}  // namespace ithaca::planner
