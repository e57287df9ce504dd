#include "daemon/planner/cost/parameters.h"

#include <algorithm>

namespace ithaca::planner {

double Parameters::LayerWithoutExperts() const {
  return attention +
         (dense_mlp * (layers - expert_layers) + shared * expert_layers) /
             layers;
}

double Parameters::LayerExperts() const {
  return expert * experts * expert_layers / layers;
}

double Parameters::Total() const {
  return layers * (LayerWithoutExperts() + LayerExperts()) + embedding + head +
         final_norm;
}

Parameters CountParameters(const ModelDims& model) {
  const double h = static_cast<double>(model.hidden);
  const double d = model.head_size;
  Parameters count;
  count.attention =
      h * d * (2.0 * model.query_heads + 2.0 * model.kv_heads) + 2 * h;
  count.dense_mlp = model.mlp_matrices * h * model.intermediate;
  count.expert = model.mlp_matrices * h * model.expert_intermediate;
  count.shared = model.shared_experts * count.expert + h * model.experts;
  count.embedding = h * model.vocabulary;
  count.head = model.tied_embeddings ? 0 : count.embedding;
  count.final_norm = h;
  count.layers = model.layers;
  count.experts = model.experts;
  if (model.experts > 0) {
    count.expert_layers =
        model.layers - std::min(model.dense_layers, model.layers);
  }
  return count;
}

uint32_t LayersOfStage(const ModelDims& model, const Strategy& strategy,
                       uint32_t stage) {
  const uint32_t each =
      (model.layers + strategy.pipeline - 1) / strategy.pipeline;
  const uint64_t before = uint64_t{each} * stage;
  if (before >= model.layers) return 0;
  return static_cast<uint32_t>(std::min<uint64_t>(each, model.layers - before));
}

RankParameters ParametersOfRank(const Parameters& all, const ModelDims& model,
                                const Strategy& strategy, uint32_t stage) {
  const double layers = LayersOfStage(model, strategy, stage);
  const double tensor = strategy.tensor;
  const bool first = stage == 0;
  const bool last = stage + 1 == strategy.pipeline;
  RankParameters rank;
  const double layer = all.LayerWithoutExperts() / tensor;
  const double experts = all.LayerExperts() / tensor / strategy.expert_parallel;
  rank.layer = layer + experts;
  rank.shared = layers * layer;
  rank.experts = layers * experts;
  const double table = all.embedding / tensor;
  if (first) rank.shared += table;
  if (last) rank.shared += all.final_norm / tensor;
  if (last && (all.head > 0 || !first)) rank.shared += table;
  if (first || last) rank.largest_table = table;
  return rank;
}

}  // namespace ithaca::planner
