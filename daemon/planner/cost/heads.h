// How many heads, and copies of key/value heads, the members of a Ulysses group
// hold: what every byte, operation and activation of attention depends on.
//
// Used by the cost functions beside it. A value made by a pure function; any
// thread. It depends on the model and two degrees alone, so a search makes one
// per pair of degrees and not one per strategy.
#ifndef ITHACA_DAEMON_PLANNER_COST_HEADS_H_
#define ITHACA_DAEMON_PLANNER_COST_HEADS_H_

#include <cstdint>

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// Of one Ulysses group, that is of one tensor-parallel shard of the heads.
struct HeadFigures {
  uint32_t ranks = 1;             // U
  uint32_t query_heads = 1;       // H / T
  uint32_t kv_heads = 1;          // max(Hkv / T, 1)
  uint32_t most_query_heads = 1;  // of one rank
  uint32_t most_kv_heads = 1;     // of one rank
  uint32_t kv_copies = 1;  // kvh: key/value heads of all ranks, with copies

  // Sent or received by the busiest rank in an exchange, whichever is more; in
  // heads times the tokens that one rank holds outside attention. An even map
  // has query_heads * (U - 1) / U, and kv_copies in the same way.
  uint32_t most_query_exchange = 0;  // q, or o the other way round
  uint32_t most_kv_exchange = 0;     // k, or v

  // Query heads of the busiest rank over the mean.
  double Imbalance() const {
    return static_cast<double>(most_query_heads) * ranks / query_heads;
  }
};

// With the map of daemon/planner/head_map. REQUIRES: `tensor` divides the query
// heads, and divides the key/value heads or is a multiple of them; 1 <= ulysses
// <= query_heads / tensor; query_heads <= kMaxQueryHeads.
HeadFigures FiguresOfHeads(const ModelDims& model, uint32_t tensor,
                           uint32_t ulysses);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_HEADS_H_
