// Parameters of a transformer, and the part of them that one rank works with.
//
// Used by traffic and memory. Pure; any thread. Counts are doubles: exact below
// 2^53, which is a thousand times the largest model.
#ifndef ITHACA_DAEMON_PLANNER_COST_PARAMETERS_H_
#define ITHACA_DAEMON_PLANNER_COST_PARAMETERS_H_

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// Of the whole model, in elements. Without biases, which no figure can tell.
struct Parameters {
  double attention = 0;  // of one layer: q, k, v, o and the layer's two norms
  double dense_mlp = 0;  // of one layer without experts
  double expert = 0;     // one expert
  double shared = 0;     // shared experts and router of one layer with experts
  double embedding = 0;  // V * h
  double head = 0;       // V * h; 0 when tied
  double final_norm = 0;
  double layers = 0;         // L
  double expert_layers = 0;  // of them, with experts
  double experts = 0;        // in each such layer

  // Of one layer, the experts aside; the mean over layers of both kinds.
  double LayerWithoutExperts() const;
  // All experts of one layer; the mean over layers of both kinds.
  double LayerExperts() const;
  double Total() const;
};

Parameters CountParameters(const ModelDims& model);

// What one rank works with, before ZeRO spreads it: its share of a tensor group
// and of an expert group, of the layers of one pipeline stage.
struct RankParameters {
  double shared = 0;         // the same on every rank of the data group
  double experts = 0;        // the same on 1 / expert_parallel of them
  double layer = 0;          // of both, one layer
  double largest_table = 0;  // the larger of embedding and head that it holds
};

// `stage` in [0, pipeline): the first holds the embedding, the last the head
// (its own copy where they are tied). Stages hold ceil(L / pipeline) layers,
// the last what is left.
RankParameters ParametersOfRank(const Parameters& all, const ModelDims& model,
                                const Strategy& strategy, uint32_t stage);

// Layers of a stage. REQUIRES: stage < pipeline.
uint32_t LayersOfStage(const ModelDims& model, const Strategy& strategy,
                       uint32_t stage);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_PARAMETERS_H_
