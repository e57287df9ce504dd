// Where ranks meet: the id that is published, and rank 0's listening socket.
//
// Values of one owner; see bootstrap.h for their use.
#ifndef ITHACA_PLUGIN_DRIVER_RENDEZVOUS_H_
#define ITHACA_PLUGIN_DRIVER_RENDEZVOUS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "plugin/core/status.h"
#include "plugin/driver/tcp.h"

namespace ithaca::driver {

// What the id says.
struct RendezvousId {
  HostPort address;
  uint64_t token = 0;  // 0: any job's rank is welcome

  // "HOST:PORT" or "HOST:PORT#TOKEN", the token in hexadecimal.
  static StatusOr<RendezvousId> Parse(const std::string& text);
  std::string ToString() const;
};

// Rank 0's listening socket, made before the id can be published.
class BootstrapListener {
 public:
  // Listens on `address` (port 0: any free one) with a fresh random token.
  static StatusOr<BootstrapListener> Open(const HostPort& address);
  // Listens where `id` says, with its token.
  static StatusOr<BootstrapListener> OpenAt(const RendezvousId& id);
  // Takes over a descriptor that listens there already (of a parent process).
  static BootstrapListener Adopt(int fd, const RendezvousId& id);

  std::string id() const { return id_.ToString(); }
  uint64_t token() const { return id_.token; }
  int fd() const { return fd_.get(); }
  // Hands the descriptor over, for a child process.
  Fd TakeFd() && { return std::move(fd_); }

 private:
  BootstrapListener(Fd fd, RendezvousId id)
      : fd_(std::move(fd)), id_(std::move(id)) {}

  Fd fd_;
  RendezvousId id_;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_RENDEZVOUS_H_
