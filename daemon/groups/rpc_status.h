// The border between refusals and gRPC statuses.
//
// Used by services (one way) and clients (the other). Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_RPC_STATUS_H_
#define ITHACA_DAEMON_GROUPS_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "daemon/groups/refusal.h"

namespace ithaca::groups {

// A fact of refusals that hold only for now: milliseconds until the next try.
inline constexpr char kRetryAfterMs[] = "retry_after_ms";

// The status of a refused call, with a RichStatus in its binary details; of one
// with the fact kRetryAfterMs, a RetryInfo too.
grpc::Status ToRpcStatus(const Refusal& refusal);

// The refusal inside a status that is not OK. One that carries no details (the
// transport's own errors) gets the name of its code as reason, and no next
// step.
Refusal FromRpcStatus(const grpc::Status& status);

// A plain status, e.g. the planner's INVALID_ARGUMENT, as a refusal with this
// reason.
Refusal ToRefusal(const absl::Status& status, const std::string& reason,
                  const std::string& next_step);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_RPC_STATUS_H_
