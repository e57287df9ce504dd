// The one border where the planner's statuses become gRPC's.
//
// Used by the planner's service. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_RPC_STATUS_H_
#define ITHACA_DAEMON_PLANNER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace ithaca::planner {

// The same code (both use the canonical numbers; one that gRPC does not know
// becomes UNKNOWN) and the same message.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_RPC_STATUS_H_
