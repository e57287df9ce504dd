// Up to how many ranks a ring sends fewer bytes than Ulysses.
//
// Used by explanations. Pure; any thread.
//
// Forward, without copies of key/value heads, a ring sends fewer below
// P = 1 + H/Hkv; the backward pass of a ring sends gradients as well (in fp32,
// four bytes), which moves the border down.
#ifndef ITHACA_DAEMON_PLANNER_COST_CROSSOVER_H_
#define ITHACA_DAEMON_PLANNER_COST_CROSSOVER_H_

#include <cstdint>

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

struct Crossover {
  // The largest P of 2 .. most, from 2 on without a gap, where a ring of P
  // sends strictly fewer bytes than Ulysses over P; 1: nowhere.
  uint32_t ring_up_to = 1;
  // The ring sends just as many at ring_up_to + 1.
  bool equal_next = false;
};

// Bytes of one layer, forward and, when work.training, backward. `most` is cut
// to the query heads. REQUIRES: the comments of job.h hold.
Crossover RingAgainstUlysses(const ModelDims& model, const Work& work,
                             RingGradients gradients, uint32_t most = 64);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_CROSSOVER_H_
