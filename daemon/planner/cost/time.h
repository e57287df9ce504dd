// How long a step takes on its critical rank, in closed form.
//
// Used by the search, which ranks by it. Pure, O(1), allocates nothing; any
// thread. A figure that needs a fact which `hardware` does not have is absent.
//
// Compute is operations over peak and efficiency (efficiency.h: less where a
// rank's part is small), attention times its imbalance. Each part of the
// traffic takes what link_time.h says. What overlaps is an assumption, not a
// measurement: Sentences() spells it out.
#ifndef ITHACA_DAEMON_PLANNER_COST_TIME_H_
#define ITHACA_DAEMON_PLANNER_COST_TIME_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "daemon/planner/cost/efficiency.h"
#include "daemon/planner/cost/flops.h"
#include "daemon/planner/cost/hardware.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/cost/link_time.h"
#include "daemon/planner/cost/memory.h"
#include "daemon/planner/cost/spread.h"
#include "daemon/planner/cost/traffic.h"

namespace ithaca::planner {

struct TimeAssumptions {
  // What runs beside compute, and so costs only what compute does not cover.
  bool hide_ring = true;        // the next hop behind the attention of this one
  bool hide_parameters = true;  // ZeRO: gathering the next layer
  bool hide_gradients = true;   // reducing the last layer's
  bool hide_pipeline = true;    // stages' activations
  bool hide_ulysses = false;
  bool hide_tensor = false;
  bool hide_experts = false;
  bool hide_offload = true;  // checkpoints to and from the host
  // The speed of attention in blocks around a ring, whose results are merged
  // hop by hop, over that of as many calls alone (a shorter call is slower for
  // itself: efficiency.h). In (0, 1]. Zigzag with FlashAttention has 0.85 to
  // 0.90 of one call's on 8 H800 with 8K tokens each (ring-flash-attention's
  // own benchmark), of which the shorter calls are 0.95.
  double ring_attention_speed = 0.92;
  NicSharing nic_sharing = NicSharing::kByLatency;
  // Copies of each of q, k, v, o in one all-to-all, before and after together,
  // each of which reads and writes it: 2 when a fused kernel packs and another
  // unpacks (and DeepSpeed's two permutes), 3 with TransformerEngine, 0 when
  // the exchange itself permutes.
  uint32_t copies_per_tensor = 2;
};

// The assumptions that matter for the strategy, one sentence each.
std::vector<std::string> Sentences(const TimeAssumptions& assumptions,
                                   const Work& work, const Strategy& strategy);

// Seconds of one step on the critical rank.
struct TimeCost {
  Efficiency efficiency;            // that compute is taken to have
  std::optional<double> attention;  // with its imbalance
  std::optional<double> linear;     // with the head
  // By TrafficPart, as if alone; and what compute does not cover.
  std::array<std::optional<double>, kTrafficParts> traffic{};
  std::array<std::optional<double>, kTrafficParts> exposed{};
  std::optional<double> copies;   // permutes around the all-to-alls
  std::optional<double> offload;  // what compute does not cover
  double bubble = 0;              // of the pipeline, over the rest: (pp-1)/m
  std::optional<double> step;     // all of it; absent when any part is
};

// REQUIRES: the comments of job.h hold; the other costs are of the same model,
// work and strategy; `flops` counts FlopConvention::kDone.
TimeCost CostTime(const ModelDims& model, const Work& work,
                  const Strategy& strategy, const HeadFigures& heads,
                  const FlopCost& flops, const TrafficCost& traffic,
                  const Placement& where, const Hardware& hardware,
                  const TimeAssumptions& assumptions = {});

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_TIME_H_
