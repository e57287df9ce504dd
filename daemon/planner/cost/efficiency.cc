#include "daemon/planner/cost/efficiency.h"

#include <algorithm>
#include <cstdio>

#include "daemon/planner/cost/memory.h"
#include "daemon/planner/cost/parameters.h"

namespace ithaca::planner {
namespace {

// Operations that the peak does while memory moves one byte; 0 where unknown.
double Balance(const Hardware& hardware) {
  if (!hardware.peak_flops || !hardware.memory_bytes_per_second) return 0;
  return *hardware.peak_flops / *hardware.memory_bytes_per_second;
}

double PerOne(double size) { return 1 / std::max(1.0, size); }

// The products of a model, each `tokens` x h times h x `width`. The mean of
// 1/t + 1/k + 1/n, weighted by operations.
class Products {
 public:
  explicit Products(double hidden) : hidden_(hidden) {}

  // `weights` elements per token, in matrices of h x `width`.
  void Add(double weights, double tokens, double width) {
    sum_ += weights * (PerOne(tokens) + PerOne(hidden_) + PerOne(width));
    weights_ += weights;
  }
  double Mean() const { return weights_ > 0 ? sum_ / weights_ : 0; }

 private:
  const double hidden_;
  double sum_ = 0;
  double weights_ = 0;
};

double MeanOfLayers(const ModelDims& model, const Strategy& strategy,
                    double tokens) {
  const Parameters all = CountParameters(model);
  const double h = static_cast<double>(model.hidden);
  const double shards = strategy.tensor;
  Products products(h);
  for (const double heads : {static_cast<double>(model.query_heads),
                             static_cast<double>(model.kv_heads)}) {
    const double width = heads * model.head_size;
    products.Add(all.layers * 2 * h * width, tokens,
                 std::max(width / shards, 1.0 * model.head_size));
  }
  products.Add((all.layers - all.expert_layers) * all.dense_mlp,
               strategy.tiled_mlp ? std::min(tokens, h) : tokens,
               static_cast<double>(model.intermediate) / shards);
  if (all.expert_layers == 0) return products.Mean();
  const double width = static_cast<double>(model.expert_intermediate) / shards;
  products.Add(all.expert_layers * all.expert * model.shared_experts, tokens,
               width * model.shared_experts);
  products.Add(all.expert_layers * all.expert * model.experts_per_token,
               tokens * strategy.expert_parallel * model.experts_per_token /
                   model.experts,
               width);
  return products.Mean();
}

double MeanOfHead(const ModelDims& model, const Strategy& strategy,
                  double tokens) {
  const double h = static_cast<double>(model.hidden);
  const double width = static_cast<double>(model.vocabulary) / strategy.tensor;
  const double tile =
      static_cast<double>(MemoryAssumptions().loss_tile_bytes) / (4 * width);
  Products products(h);
  products.Add(1, strategy.tiled_loss ? std::min(tokens, tile) : tokens, width);
  return products.Mean();
}

}  // namespace

Efficiency EfficiencyOf(const ModelDims& model, const Work& work,
                        const Strategy& strategy, const HeadFigures& heads,
                        double keys_per_query, const Hardware& hardware) {
  const double sequence = static_cast<double>(work.sequence);
  const double tokens = static_cast<double>(work.batch) * sequence /
                        (static_cast<double>(strategy.ring) * strategy.ulysses);
  const double move = Balance(hardware) * work.element_bytes / 2;
  const auto reached = [move](double share, double small) {
    return share / (1 + share * move * small);
  };
  double calls = strategy.ring;
  if (strategy.attention_chunk > 0) {
    calls *=
        std::max(1.0, sequence / static_cast<double>(strategy.attention_chunk));
  }
  const double shared =
      static_cast<double>(heads.most_kv_heads) / heads.most_query_heads;
  Efficiency e;
  e.linear = reached(hardware.matmul_efficiency,
                     MeanOfLayers(model, strategy, tokens));
  e.head =
      reached(hardware.matmul_efficiency, MeanOfHead(model, strategy, tokens));
  e.attention = reached(hardware.attention_efficiency,
                        (1 + shared) * PerOne(keys_per_query / calls));
  return e;
}

std::string EfficiencySentence(const Hardware& hardware,
                               const Efficiency& efficiency) {
  char text[320];
  std::snprintf(text, sizeof text,
                "Large matrix products reach %.3g of the peak and large "
                "attention %.3g; ",
                hardware.matmul_efficiency, hardware.attention_efficiency);
  const std::string large = text;
  if (Balance(hardware) == 0) {
    return large +
           "so do small ones, as the rate of the accelerator's memory is "
           "unknown.";
  }
  std::snprintf(text, sizeof text,
                "smaller ones also wait for their operands, at the rate of the "
                "accelerator's memory and without overlap: %.3f and %.3f here.",
                efficiency.linear, efficiency.attention);
  return large + text;
}

}  // namespace ithaca::planner
