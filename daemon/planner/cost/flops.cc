#include "daemon/planner/cost/flops.h"

#include "daemon/planner/cost/attention_pairs.h"
#include "daemon/planner/cost/parameters.h"

namespace ithaca::planner {
namespace {

double Ranks(const Strategy& s) {
  return static_cast<double>(s.data_parallel) * s.pipeline * s.ring *
         s.ulysses * s.tensor;
}

double AllPairs(const Work& work) {
  const double s = static_cast<double>(work.sequence);
  if (work.documents.empty()) return s * s;
  double pairs = 0;
  for (uint64_t length : work.documents) {
    pairs += static_cast<double>(length) * static_cast<double>(length);
  }
  return pairs;
}

// Weights that one token is multiplied with in all layers.
double LinearWeights(const ModelDims& model) {
  const double h = static_cast<double>(model.hidden);
  const Parameters all = CountParameters(model);
  const double attention =
      h * model.head_size * (2.0 * model.query_heads + 2.0 * model.kv_heads);
  const double with_experts = all.shared + model.experts_per_token * all.expert;
  return model.layers * attention +
         (all.layers - all.expert_layers) * all.dense_mlp +
         all.expert_layers * with_experts;
}

// Those of the feed-forward blocks that can be computed in tiles.
double TiledWeights(const ModelDims& model) {
  const Parameters all = CountParameters(model);
  return (all.layers - all.expert_layers) * all.dense_mlp;
}

PassFlops Passes(double forward, double backward_ratio, bool training,
                 bool again) {
  PassFlops flops;
  flops.forward = forward;
  if (!training) return flops;
  flops.backward = forward * backward_ratio;
  if (again) flops.recompute = forward;
  return flops;
}

}  // namespace

AttentionFigures FiguresOfAttention(const Work& work, uint32_t ring,
                                    TokenOrder order) {
  return {AttentionPairs(work), RingImbalance(work, ring, order)};
}

FlopCost CostFlops(const ModelDims& model, const Work& work,
                   const Strategy& strategy, const HeadFigures& heads,
                   const AttentionFigures& attention,
                   FlopConvention convention) {
  const bool paper = convention == FlopConvention::kPaper;
  // Sequences of one step, over all replicas, per rank.
  const double share = static_cast<double>(work.batch) *
                       static_cast<double>(work.micro_batches) *
                       strategy.data_parallel / Ranks(strategy);
  const double tokens = static_cast<double>(work.sequence);
  const double pairs = paper ? AllPairs(work) : attention.pairs;
  const bool again = strategy.recompute == Recompute::kFull;

  FlopCost cost;
  cost.attention = Passes(
      share * 4 * pairs * model.query_heads * model.head_size * model.layers,
      paper ? 2.0 : 2.5, work.training, again);
  cost.linear = Passes(share * 2 * tokens * LinearWeights(model), 2.0,
                       work.training, again);
  if (strategy.tiled_mlp && work.training && !paper) {
    cost.linear.recompute += share * 2 * tokens * TiledWeights(model);
  }
  cost.head = Passes(share * 2 * tokens * static_cast<double>(model.hidden) *
                         static_cast<double>(model.vocabulary),
                     2.0, work.training, false);
  cost.keys_per_query = pairs / tokens;
  cost.attention_imbalance = heads.Imbalance() * attention.ring_imbalance;
  cost.stage_imbalance =
      static_cast<double>(LayersOfStage(model, strategy, 0)) *
      strategy.pipeline / model.layers;
  return cost;
}

}  // namespace ithaca::planner
