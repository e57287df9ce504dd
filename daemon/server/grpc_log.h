// gRPC's own messages, which repeat what peers send, in the daemon's log:
// escaped, and at a bounded rate.
//
// Used by ithacad's main. Threads: set once, before gRPC is used; `log` must
// outlive it.
#ifndef ITHACA_DAEMON_SERVER_GRPC_LOG_H_
#define ITHACA_DAEMON_SERVER_GRPC_LOG_H_

#include "daemon/server/log.h"

namespace ithaca::server {

void RouteGrpcLog(Log* log);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GRPC_LOG_H_
