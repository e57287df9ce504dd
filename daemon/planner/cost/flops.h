// Floating-point operations of a step, and how unevenly they fall on ranks.
//
// Used by the search and by time. Pure, O(1), allocates nothing; any thread.
//
// A multiply and an add are two operations. Forward, per sequence and layer,
// with `pairs` the (query, key) pairs that the mask leaves:
//   attention  4 * pairs * H*d
//   linear     2 * S * (h*d*(2H + 2Hkv) + matrices*h*f)
//   head       2 * S * h*V, once
// (arXiv 2309.14509 and 2506.13996, whose tables these reproduce). With experts
// the last term of `linear` is that of the experts a token visits, the shared
// ones and the router.
#ifndef ITHACA_DAEMON_PLANNER_COST_FLOPS_H_
#define ITHACA_DAEMON_PLANNER_COST_FLOPS_H_

#include "daemon/planner/cost/heads.h"
#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// What is counted.
enum class FlopConvention {
  // What the kernels do: only the pairs under the mask; attention's backward
  // pass is 2.5 times its forward one (five products instead of two: scores are
  // computed again). Selective recompute is within that. A feed-forward block
  // in tiles is computed once more in its backward pass.
  kDone,
  // What papers report: all pairs of each document, backward is twice forward,
  // full recompute repeats the layers and not the head.
  kPaper,
};

struct PassFlops {
  double forward = 0;
  double backward = 0;
  double recompute = 0;
  double Sum() const { return forward + backward + recompute; }
};

struct FlopCost {
  // Of one step, of the mean rank: the whole divided by the number of ranks.
  PassFlops attention;
  PassFlops linear;
  PassFlops head;
  // The busiest rank over the mean.
  double attention_imbalance = 1;  // uneven heads times the ring's token order
  double stage_imbalance = 1;      // layers of the fullest pipeline stage
  double keys_per_query = 1;       // that the mask leaves, mean over queries
  double Sum() const { return attention.Sum() + linear.Sum() + head.Sum(); }
};

// The parts that depend on the work and few degrees alone: make them once.
struct AttentionFigures {
  double pairs = 0;           // AttentionPairs(work)
  double ring_imbalance = 1;  // RingImbalance(work, ring, token_order)
};

AttentionFigures FiguresOfAttention(const Work& work, uint32_t ring,
                                    TokenOrder order);

// REQUIRES: the comments of job.h hold; `heads` and `attention` belong to the
// same model, work and degrees.
FlopCost CostFlops(const ModelDims& model, const Work& work,
                   const Strategy& strategy, const HeadFigures& heads,
                   const AttentionFigures& attention,
                   FlopConvention convention = FlopConvention::kDone);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_FLOPS_H_
