// Bytes that a rank sends, by what for and over which kind of link.
//
// Used by the search and by time. Pure, O(1), allocates nothing; any thread.
// Bytes are doubles: exact below 2^53 wherever the division is.
//
// With S' = S / (R * U) tokens of a rank, e bytes per element, kvh the
// key/value heads with all copies, heads per tensor shard, sent by a rank per
// layer and micro-batch (b sequences):
//   q, o      b*S'*d*e * H/T * (U-1)/U         each; backward the same
//   k, v      b*S'*d*e * kvh * (U-1)/U         each; backward the same
//   ring k,v  2*b*(S/R)*(kvh/U)*d*e * (R-1)    forward; backward the same
//   ring dk,dv 2*b*(S/R)*(kvh/U)*d*w * R       backward; w = 4, or e
//   tensor    4*b*S'*h*e * (T-1)/T             forward (two all-gathers, two
//             reduce-scatters); backward 6, with the gathering again
//   experts   b*S'/T*k*h*e * (E-1)/E           dispatch and combine each;
//             backward the same; tokens evenly over experts
//   stage     b*S'/T*h*e                       to the next; backward the same
// Full recompute repeats the forward pass of all but parameters and stages.
// Parameters, over D = dp * R * U ranks (experts: over D / E), w bytes per
// gradient; those of embedding and head are spread over the layers:
//   ZeRO 0, 1 2*params*w*(D-1)/D per step (all-reduce; or reduce-scatter of
//             gradients, all-gather of parameters)
//   ZeRO 2    reduce-scatter per micro-batch, all-gather per step
//   ZeRO 3    per micro-batch two all-gathers and one reduce-scatter
// Left out: activations of embedding, logits and loss (not times L).
#ifndef ITHACA_DAEMON_PLANNER_COST_TRAFFIC_H_
#define ITHACA_DAEMON_PLANNER_COST_TRAFFIC_H_

#include <array>
#include <cstddef>

#include "daemon/planner/cost/heads.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/cost/policy.h"
#include "daemon/planner/cost/spread.h"

namespace ithaca::planner {

enum class TrafficPart {
  kUlyssesQ,
  kUlyssesK,
  kUlyssesV,
  kUlyssesO,
  kRingKv,
  kRingGradients,
  kTensor,
  kExpertDispatch,
  kExpertCombine,
  kPipeline,
  kParameters,  // all-gathers
  kGradients,   // all-reduce or reduce-scatter
};
inline constexpr size_t kTrafficParts = 12;

// A name for tables and messages: "ulysses_q".
const char* NameOf(TrafficPart part);

// Which group a part goes through, and whether each peer gets the same
// (all-to-all) or all goes to the next one (rings, stages).
Group GroupOf(TrafficPart part);
bool IsAllToAll(TrafficPart part);

// Bytes that a rank sends to others: the mean over its group.
struct PassBytes {
  double forward = 0;
  double backward = 0;
  double recompute = 0;
  double Sum() const { return forward + backward + recompute; }
};

struct PartTraffic {
  PassBytes once;    // per layer and micro-batch; see `times`
  double times = 0;  // in one step, on one rank: how often `once` happens
  double worst = 1;  // the busiest rank (sent or received) over the mean
  double PerStep() const { return once.Sum() * times; }
};

struct TrafficCost {
  std::array<PartTraffic, kTrafficParts> parts{};  // by TrafficPart

  PartTraffic& Of(TrafficPart part) { return parts[static_cast<size_t>(part)]; }
  const PartTraffic& Of(TrafficPart part) const {
    return parts[static_cast<size_t>(part)];
  }
  // The four all-to-alls of a layer.
  PassBytes UlyssesPerLayer() const;
  // Keys, values and their gradients.
  PassBytes RingPerLayer() const;
  double PerStep() const;
  // Per step and rank, by class of link (by LinkClass).
  std::array<double, kLinkClasses> PerStepByLink(const Placement& where) const;
};

// Of a rank of the first pipeline stage, which has ceil(L / pp) layers and the
// embedding. REQUIRES: the comments of job.h hold, and `heads` is
// FiguresOfHeads of the same model and degrees.
TrafficCost CostTraffic(const ModelDims& model, const Work& work,
                        const Strategy& strategy, const HeadFigures& heads,
                        const Precision& precision = {});

// For comparison: context parallelism that all-gathers keys and values over
// `ranks` and reduce-scatters their gradients, per layer and micro-batch: the
// bytes of the ring forward, in one collective that nothing hides.
PassBytes AllGatherAttention(const ModelDims& model, const Work& work,
                             uint32_t ranks, RingGradients gradients,
                             Recompute recompute);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_TRAFFIC_H_
