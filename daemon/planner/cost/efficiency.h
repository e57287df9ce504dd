// What share of the peak the work of one rank reaches: less where it is small.
//
// Used by time. Pure, O(1), allocates nothing; any thread.
//
// A roofline without overlap: a kernel takes the time of its operations at the
// share of the peak that large ones reach, plus that of its operands, each read
// or written once at the rate of the accelerator's memory. With a the share, B
// the operations that the peak does while one byte moves, e bytes an element:
//   t x k times k x n   a / (1 + a*B*e/2 * (1/t + 1/k + 1/n))
//   attention           a / (1 + a*B*e/2 * (1 + g)/c)
// with t the tokens that the rank's product sees at once, g key/value heads per
// query head, and c the keys that a query sees in one call of the kernel (mean
// over calls: a ring or a chunk each is one). So t is at half the speed of
// large products at a*B*e/2 tokens: 177 on an H100 in bf16 at 0.6, and c at 221
// keys with four query heads to a key/value head. The backward pass is taken to
// have the same ratio. What takes longer than this for other reasons
// (launches, tiles that do not fill the last wave) is not counted.
#ifndef ITHACA_DAEMON_PLANNER_COST_EFFICIENCY_H_
#define ITHACA_DAEMON_PLANNER_COST_EFFICIENCY_H_

#include <string>

#include "daemon/planner/cost/hardware.h"
#include "daemon/planner/cost/heads.h"
#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// Shares of the peak, in (0, 1].
struct Efficiency {
  double linear = 0;  // products of the layers, weighted by their operations
  double head = 0;    // the product with the vocabulary
  double attention = 0;
};

// `keys_per_query`: FlopCost's. A tiled block sees its tiles; an expert the
// tokens that come to it. Those of `hardware` where its memory's rate or its
// peak is unknown. REQUIRES: the comments of job.h hold.
Efficiency EfficiencyOf(const ModelDims& model, const Work& work,
                        const Strategy& strategy, const HeadFigures& heads,
                        double keys_per_query, const Hardware& hardware);

// The assumption in words, with what it makes of this strategy.
std::string EfficiencySentence(const Hardware& hardware,
                               const Efficiency& efficiency);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_EFFICIENCY_H_
