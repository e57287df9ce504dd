#include "plugin/socket/tcp.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "plugin/socket/fork_guard.h"
#include "plugin/transport/handle.h"

namespace ithaca {
namespace {

constexpr int kBacklog = 4096;

int NewStream(int family) {
  return OpenForThisProcess([family] {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  });
}

// Whether the address is one of this host's own.
bool IsLocal(sockaddr_storage address) {
  const int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  if (address.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&address)->sin_port = 0;
  else
    reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = 0;
  const bool local = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                          AddressLength(address)) == 0;
  close(fd);
  return local;
}

// Keeps traffic on the rail when several are in one subnet. Not allowed for
// every user on old kernels, and not needed on most networks: best effort. What
// goes to an address of this host travels over loopback whatever its rail.
void BindToDevice(int fd, const Rail& rail, const sockaddr_storage& peer) {
  if (rail.loopback || IsLocal(peer)) return;
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, rail.name.c_str(),
             rail.name.size());
}

// What is lost at the end of a fragment is sent again after this long, and not
// after the 200 ms meant for the Internet; acknowledgements wait less than
// that. Older kernels do not know these options and go on as before
// (6.18 does).
void SetLossTimes(int fd) {
  constexpr int kRtoMinUs = 45, kDelackMaxUs = 46;  // linux/tcp.h's numbers
  const int again_us = 40'000, acknowledged_us = 10'000;
  setsockopt(fd, IPPROTO_TCP, kRtoMinUs, &again_us, sizeof(again_us));
  setsockopt(fd, IPPROTO_TCP, kDelackMaxUs, &acknowledged_us,
             sizeof(acknowledged_us));
}

}  // namespace

void PrepareStream(int fd, int timeout_s) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  SetLossTimes(fd);
  const unsigned timeout_ms = timeout_s * 1000;
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
             sizeof(timeout_ms));
  // Who waits for data has nothing unacknowledged and would wait for ever for a
  // host that lost its power. The time-out above limits the probes too.
  const int probe_s = std::max(1, timeout_s / 3);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &probe_s, sizeof(probe_s));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof(probe_s));
}

StatusOr<int> ListenOn(const Rail& rail, sockaddr_storage* address) {
  const int fd = NewStream(rail.address.ss_family);
  if (fd < 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot make a socket");
  *address = rail.address;
  socklen_t length = sizeof(*address);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&rail.address),
           AddressLength(rail.address)) != 0 ||
      listen(fd, kBacklog) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(address), &length) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoError(Code::kUnavailable, error, "cannot listen on %s (%s)",
                      rail.name.c_str(), AddressToString(rail.address).c_str());
  }
  return fd;
}

StatusOr<int> StartConnect(const Rail& rail, sockaddr_storage peer,
                           int timeout_s) {
  if (peer.ss_family != rail.address.ss_family)
    return Errorf(Code::kUnavailable, "%s and %s are of different families",
                  rail.name.c_str(), AddressToString(peer).c_str());
  const int fd = NewStream(peer.ss_family);
  if (fd < 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot make a socket");
  PrepareStream(fd, timeout_s);
  BindToDevice(fd, rail, peer);
  if (peer.ss_family == AF_INET6) {
    sockaddr_in6* const in6 = reinterpret_cast<sockaddr_in6*>(&peer);
    if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
      in6->sin6_scope_id = if_nametoindex(rail.name.c_str());
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&rail.address),
           AddressLength(rail.address)) != 0 ||
      (connect(fd, reinterpret_cast<const sockaddr*>(&peer),
               AddressLength(peer)) != 0 &&
       errno != EINPROGRESS)) {
    const int error = errno;
    close(fd);
    return ErrnoError(Code::kUnavailable, error, "cannot connect %s to %s",
                      rail.name.c_str(), AddressToString(peer).c_str());
  }
  return fd;
}

}  // namespace ithaca
