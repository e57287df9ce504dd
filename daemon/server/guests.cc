#include "daemon/server/guests.h"

#include <netdb.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "daemon/groups/process_watch.h"

namespace ithaca::server {

std::optional<Guest> GreetLocal(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return std::nullopt;
  return Guest{absl::StrCat("pid ", credentials.pid, ", uid ", credentials.uid),
               absl::StrCat("uid ", credentials.uid),
               Peer{credentials.uid, credentials.gid, credentials.pid}};
}

std::optional<Guest> GreetRemote(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host,
                  sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return std::nullopt;
  }
  return Guest{absl::StrCat(host, ":", port), host, {}};
}

Peer WithStart(Peer peer) {
  if (peer.pid != 0)
    peer.started = groups::ProcessWatch::StartTime(peer.pid).value_or(0);
  return peer;
}

}  // namespace ithaca::server
