// The one border where the planner's statuses become gRPC's.
//
// Used by the planner's service. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_RPC_STATUS_H_
#define ITHACA_DAEMON_PLANNER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace ithaca::planner {

// Reasons in the details of a status, for programs.
inline constexpr char kInvalidField[] =
    "INVALID_FIELD";  // metadata "field" names it
inline constexpr char kNotServed[] = "NOT_SERVED";
inline constexpr char kTooLarge[] = "TOO_LARGE";

// The same code (both use the canonical numbers; one that gRPC does not know
// becomes UNKNOWN) and the same message. An INVALID_ARGUMENT that names a field
// carries the reason kInvalidField too.
grpc::Status ToGrpcStatus(const absl::Status& status);

// A refusal whose details carry `reason`, in the form of gRPC's richer error
// model (google.rpc.ErrorInfo, domain "ithaca.dev"). The message is "<what>;
// <next_step>".
grpc::Status Refuse(grpc::StatusCode code, const std::string& reason,
                    const std::string& what, const std::string& next_step);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_RPC_STATUS_H_
