// Who is at the other end of a TLS connection, as its certificate says.
//
// Used by AccessGate. Threads: pure function.
#ifndef ITHACA_DAEMON_CLUSTER_PEER_CREDENTIALS_H_
#define ITHACA_DAEMON_CLUSTER_PEER_CREDENTIALS_H_

#include <grpcpp/security/auth_context.h>

#include <optional>

#include "daemon/cluster/peer_names.h"

namespace ithaca::cluster {

// Nothing: the peer has shown no certificate that was verified.
std::optional<PeerIdentity> IdentityOf(const grpc::AuthContext& context);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_PEER_CREDENTIALS_H_
