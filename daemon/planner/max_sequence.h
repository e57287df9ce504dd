// The longest sequence that a request's ranks can hold.
//
// Used by the planner's service and by tools. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_MAX_SEQUENCE_H_
#define ITHACA_DAEMON_PLANNER_MAX_SEQUENCE_H_

#include "absl/status/statusor.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// With the search "as given", of the one strategy; with "all", the longest of
// any. The model must be known well enough for memory to be estimated, and a
// limit must be known. Errors: INVALID_ARGUMENT naming the field below
// `request`.
absl::StatusOr<v1::MaxSequenceResponse> FindMaxSequence(
    const v1::MaxSequenceRequest& request);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_MAX_SEQUENCE_H_
