// Who knocks, as the kernel says.
//
// Used by FrontDoor and those who open one. Threads: values, pure functions.
#ifndef ITHACA_DAEMON_SERVER_GUESTS_H_
#define ITHACA_DAEMON_SERVER_GUESTS_H_

#include <optional>
#include <string>

#include "daemon/server/fd_owners.h"

namespace ithaca::server {

struct Guest {
  // For logs: "pid 42, uid 1000", or "10.0.0.1:5555".
  std::string name;
  // Those with one key share a limit: a user, or an address.
  std::string key;
  // Of a local guest.
  Peer peer;
};

// Of a connection that was accepted; nothing: the kernel does not say.
std::optional<Guest> GreetLocal(int fd);
std::optional<Guest> GreetRemote(int fd);

// Of a local guest that has just spoken, so that it most likely lives: with
// the moment at which its process started. Whoever has its id later and started
// at another moment is another process.
Peer WithStart(Peer peer);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GUESTS_H_
