// What forwarding adds to the calls it carries: farewells (forward.proto), and
// the statuses that callers get when it cannot.
//
// Used by ForwardedCall and Forwarder. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLUSTER_FORWARD_WIRE_H_
#define ITHACA_DAEMON_CLUSTER_FORWARD_WIRE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "daemon/groups/gate.h"
#include "daemon/groups/refusal.h"

namespace ithaca::cluster {

// REQUIRES: fate is not kLinkBroke, which nobody can tell.
grpc::ByteBuffer WriteFarewell(groups::StreamFate fate);
// Nothing: it is no farewell.
std::optional<groups::StreamFate> ReadFarewell(const grpc::ByteBuffer& bytes);

// There is nobody to forward to, for this reason (a clause); `node` is the
// coordinator's, empty: unknown. UNAVAILABLE, NOT_COORDINATOR.
groups::Refusal NotCoordinator(const std::string& why, const std::string& node);

// What down is told when up ended with `status`. Refusals go through unchanged;
// what the transport says of a link to another daemon becomes NotCoordinator.
grpc::Status StatusForDown(const grpc::Status& status, bool here);

// A second message where there is only one.
grpc::Status UnexpectedMessage();

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_FORWARD_WIRE_H_
