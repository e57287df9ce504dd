// What is told besides the plan: why the others were not taken, what comes
// next, and where families cross over.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_ANSWERS_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_ANSWERS_H_

#include <string>
#include <vector>

#include "daemon/planner/request.h"
#include "daemon/planner/search/evaluate.h"
#include "daemon/planner/search/search.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Why something is not planned. `reason` has no remedy in it.
struct Obstacle {
  v1::RejectionCode code = v1::REJECTION_CODE_UNSPECIFIED;
  std::string reason;
};

// Why the one choice of a request whose search is "as given" is not taken;
// code unspecified: it is. Families count where `families` is set.
Obstacle ObstacleOf(const Request& request, const Choice& choice,
                    Evaluator& evaluator);

// Adds to `response` why no plan meets the constraints, whatever the family,
// with the nearest that does.
void RejectAll(const Request& request, const Obstacle& obstacle,
               v1::PlanResponse& response);

// Adds to `response` every family but that of `taken`, in the order of the
// enum; with nullptr every one, those that the constraints list first.
// `mesh` is what the constraints ask for, `others` what the search looked at
// (empty when the search is "as given"), `any` what it finds where frameworks
// do not count (empty when the constraints name none): what is better there
// than what is taken, or is of a family that no framework runs, is told with
// the reason.
void RejectOthers(const Request& request, const Strategy& mesh,
                  const Candidate* taken, const std::vector<Candidate>& others,
                  const std::vector<Candidate>& any,
                  v1::PlanResponse& response);

// Adds the candidates after the first.
void AddAlternatives(const Request& request,
                     const std::vector<Candidate>& ranked,
                     v1::PlanResponse& response);

// Adds where ring and Ulysses cross over in bytes.
void AddCrossovers(const Request& request, Evaluator& evaluator,
                   v1::PlanResponse& response);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_ANSWERS_H_
