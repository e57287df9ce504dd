// How many (query, key) pairs attention computes, and how evenly a ring shares
// them.
//
// Used by flops. Pure; any thread. Pairs are counted exactly in 128 bits where
// the mask is exact, and returned as doubles.
#ifndef ITHACA_DAEMON_PLANNER_COST_ATTENTION_PAIRS_H_
#define ITHACA_DAEMON_PLANNER_COST_ATTENTION_PAIRS_H_

#include <cstdint>

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// Pairs of one sequence, documents apart. With n tokens of a document:
//   full n^2; causal n*(n+1)/2; window w < n: w*(w+1)/2 + (n-w)*w;
//   block-sparse density * n^2.
// O(documents). REQUIRES: lengths below 2^62.
double AttentionPairs(const Work& work);

// The pairs of the rank of a ring that has the most, over the mean. Zigzag cuts
// the sequence into 2R chunks and gives rank r the chunks r and 2R-1-r; striped
// gives it the tokens r, r+R, ...; contiguous the r-th of R parts (the first S
// mod R ranks one token more, chunks alike). In lockstep around the ring this
// is also the time over that of an even share.
//
// Without documents O(R); with them O(documents * min(R, length)) and O(R)
// memory: make it once per ring degree and order. Full and block-sparse: 1 for
// one document (but for tokens that do not divide). REQUIRES: 1 <= ring <= S.
double RingImbalance(const Work& work, uint32_t ring, TokenOrder order);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_ATTENTION_PAIRS_H_
