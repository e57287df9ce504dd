// The few socket calls that lanes, acceptors and dialers share.
#ifndef ITHACA_PLUGIN_SOCKET_TCP_H_
#define ITHACA_PLUGIN_SOCKET_TCP_H_

#include <sys/socket.h>

#include "plugin/core/status.h"
#include "plugin/transport/rail.h"

namespace ithaca {

// A socket that is non-blocking and closed on exec, without Nagle's delay, and
// given up by the kernel when bytes, or probes while there are none, stay
// unacknowledged for `timeout_s`.
void PrepareStream(int fd, int timeout_s);

// Listens on the rail's address, any port; *address gets the port.
StatusOr<int> ListenOn(const Rail& rail, sockaddr_storage* address);

// Starts to connect from `rail` to `peer`. UNAVAILABLE at once when no route
// leads there.
StatusOr<int> StartConnect(const Rail& rail, sockaddr_storage peer,
                           int timeout_s);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_TCP_H_
