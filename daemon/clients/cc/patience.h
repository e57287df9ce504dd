// Calls again when the daemon says "not now, but in so many milliseconds":
// refusals for calling too often, or because too many plan.
//
// Used by the client. Threads: any; blocks.
#ifndef ITHACA_DAEMON_CLIENTS_CC_PATIENCE_H_
#define ITHACA_DAEMON_CLIENTS_CC_PATIENCE_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <optional>

namespace ithaca::client {

// How long the daemon asks to wait before the next try; nothing: the refusal
// holds for good.
std::optional<std::chrono::milliseconds> RetryAfter(const grpc::Status& status);

// Makes the call, with a new context each time, until it gets another answer
// than "later", or the wait would end after `deadline`. Its last status.
grpc::Status CallPatiently(
    std::chrono::system_clock::time_point deadline,
    const std::function<grpc::Status(grpc::ClientContext*)>& call);

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_PATIENCE_H_
