// Looks at every strategy that a request leaves open and ranks them.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_SEARCH_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_SEARCH_H_

#include <cstdint>
#include <vector>

#include "daemon/planner/request.h"
#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/legal.h"

namespace ithaca::planner {

// One strategy that was looked at.
struct Candidate {
  Choice choice;
  v1::Family family = v1::FAMILY_UNSPECIFIED;
  Figures figures;
};

// Whether `a` ranks before `b`: what fits before what does not (then the one
// that is nearer to it), then less time, then fewer bytes, then less to set up.
// Time and bytes within 1 % are alike until all else is. A total order: no two
// different strategies are alike.
bool RanksBefore(const Candidate& a, const Candidate& b);

struct SearchResult {
  std::vector<Candidate> ranked;  // best first
  uint64_t considered = 0;        // legal strategies that were looked at
  // What stopped all of them, where `ranked` is empty: the last of CheckMesh,
  // families, CheckSettings and frameworks that left none.
  Fault fault = kNoFault;
};

// Every legal mesh, and on it for every recompute policy the first rung of the
// ladder that fits in memory (or the last one). Families and frameworks that
// the constraints rule out are left out.
SearchResult SearchAll(const Request& request, Evaluator& evaluator);

// The rung of `ladder` that fits first, or the last one. nullptr: no rung.
const Choice* FirstThatFits(const std::vector<Choice>& ladder,
                            Evaluator& evaluator);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_SEARCH_H_
