// The longest sequence that fits: CostMemory's inverse.
//
// Used by the search and by MaxSequence of the API. Pure; about 2 * 41 calls of
// CostMemory; any thread.
#ifndef ITHACA_DAEMON_PLANNER_COST_MAX_SEQUENCE_H_
#define ITHACA_DAEMON_PLANNER_COST_MAX_SEQUENCE_H_

#include <cstdint>

#include "daemon/planner/cost/memory.h"

namespace ithaca::planner {

struct MaxSequenceResult {
  uint64_t sequence = 0;  // a multiple of `granularity`; 0: not even that fits
  // What keeps the next multiple from fitting; kNone when the search stopped at
  // `most` or when the hardware does not say how much memory it has.
  Binding binding = Binding::kNone;
  MemoryCost memory;  // at `sequence`; at `granularity` when that is 0
};

// Tokens that a sequence should be a multiple of, so that every rank has the
// same number: R * U * T, twice that under zigzag.
uint64_t GranularityOf(const Strategy& strategy);

// Memory never falls as the sequence grows, so that the answer is exact: it
// fits and the next multiple does not. work.sequence and work.documents are not
// read. Without memory_bytes in `hardware` nothing on the device binds.
// REQUIRES: as CostMemory; 1 <= granularity <= most < 2^53.
MaxSequenceResult LongestSequence(const ModelDims& model, const Work& work,
                                  const Strategy& strategy,
                                  const HeadFigures& heads,
                                  const Hardware& hardware,
                                  const MemoryAssumptions& assumptions,
                                  uint64_t granularity,
                                  uint64_t most = uint64_t{1} << 40);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_MAX_SEQUENCE_H_
