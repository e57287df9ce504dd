// Asks gRPC's standard health service (grpc.health.v1.Health/Check).
//
// Its two messages have one field each and are written by hand here, so that no
// copy of its proto is needed. Used by ithacactl. Threads: any.
#ifndef ITHACA_DAEMON_CLIENTS_CC_HEALTH_H_
#define ITHACA_DAEMON_CLIENTS_CC_HEALTH_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace ithaca::client {

// "SERVING", "NOT_SERVING" or "UNKNOWN" (the daemon does not know such a
// service). Errors as Client's.
absl::StatusOr<std::string> CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
    int64_t timeout_ms);

// The version that the daemon tells; empty: it tells none, being older than
// that. Errors as Client's.
absl::StatusOr<std::string> DaemonVersion(
    const std::shared_ptr<grpc::Channel>& channel, int64_t timeout_ms);

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_HEALTH_H_
