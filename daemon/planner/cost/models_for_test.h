// The models of published tables, for tests and benchmarks.
//
// Plain values; sizes from each model's config.json.
#ifndef ITHACA_DAEMON_PLANNER_COST_MODELS_FOR_TEST_H_
#define ITHACA_DAEMON_PLANNER_COST_MODELS_FOR_TEST_H_

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// meta-llama/Llama-3.1-8B
inline ModelDims Llama8B() {
  ModelDims model;
  model.hidden = 4096;
  model.query_heads = 32;
  model.kv_heads = 8;
  model.head_size = 128;
  model.layers = 32;
  model.intermediate = 14336;
  model.vocabulary = 128256;
  return model;
}

// meta-llama/Llama-3.1-70B
inline ModelDims Llama70B() {
  ModelDims model = Llama8B();
  model.hidden = 8192;
  model.query_heads = 64;
  model.layers = 80;
  model.intermediate = 28672;
  return model;
}

// A GPT with plain attention and a feed-forward block of four times the width.
inline ModelDims Gpt(uint64_t hidden, uint32_t heads, uint32_t layers,
                     uint64_t vocabulary) {
  ModelDims model;
  model.hidden = hidden;
  model.query_heads = heads;
  model.kv_heads = heads;
  model.head_size = static_cast<uint32_t>(hidden / heads);
  model.layers = layers;
  model.intermediate = 4 * hidden;
  model.vocabulary = vocabulary;
  model.mlp_matrices = 2;
  return model;
}

// mistralai/Mixtral-8x7B-v0.1
inline ModelDims Mixtral8x7B() {
  ModelDims model = Llama8B();
  model.vocabulary = 32000;
  model.experts = 8;
  model.experts_per_token = 2;
  model.expert_intermediate = 14336;
  return model;
}

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_MODELS_FOR_TEST_H_
