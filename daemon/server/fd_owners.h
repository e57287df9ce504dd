// Who is behind a connection that was handed to gRPC.
//
// gRPC names such a connection by its descriptor's number ("fd:11") and tells
// nobody when it closes it, so a number can come back with another peer behind
// it while a call of the old peer is still on its way to its handler. Therefore
// a number, once it was given to a user, is never given to another one: a
// connection of another user is moved to a number of its own. A late call can
// then be taken for a newer connection of the same user at worst, never for
// another user's.
//
// Written by FrontDoor, read by AccessGate. Threads: any.
#ifndef ITHACA_DAEMON_SERVER_FD_OWNERS_H_
#define ITHACA_DAEMON_SERVER_FD_OWNERS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace ithaca::server {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  // Of the process that connected. 0: it lives in another pid namespace.
  pid_t pid = 0;
  // When that process started, see groups::ProcessWatch; 0: not seen.
  uint64_t started = 0;
};

class FdOwners {
 public:
  // Takes over `fd`, and returns a descriptor of the same connection whose
  // number belongs to this user: `fd` itself or a duplicate (then `fd` is
  // closed). Nothing: there is no free number (`fd` is closed).
  std::optional<int> Assign(int fd, const Peer& peer);

  // Of gRPC's name of a peer; nothing: not one of ours.
  std::optional<Peer> Find(const std::string& grpc_peer) const;

 private:
  bool TakeNumber(int fd, const Peer& peer);

  mutable std::mutex mutex_;
  std::map<int, Peer> owners_;  // guarded by mutex_
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_FD_OWNERS_H_
