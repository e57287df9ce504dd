// What the daemon's refusals become for C++ programs.
//
// Used by the client. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLIENTS_CC_RPC_ERROR_H_
#define ITHACA_DAEMON_CLIENTS_CC_RPC_ERROR_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace ithaca::client {

// The status of a call; a refusal keeps its reason code and facts as payloads.
absl::Status FromRpc(const grpc::Status& status);

// The daemon's reason code (see groups.proto); empty: it is not a refusal of
// the daemon.
std::string ReasonOf(const absl::Status& status);

// The epoch in force that a refusal carries; 0: it carries none.
uint64_t CurrentEpochOf(const absl::Status& status);

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_RPC_ERROR_H_
