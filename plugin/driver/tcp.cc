#include "plugin/driver/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace ithaca::driver {
namespace {

constexpr int kRetryMs = 20;

struct AddrInfoFree {
  void operator()(addrinfo* info) const { freeaddrinfo(info); }
};
using AddrInfoPtr = std::unique_ptr<addrinfo, AddrInfoFree>;

StatusOr<AddrInfoPtr> Resolve(const HostPort& address, bool passive) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* result = nullptr;
  const std::string port = std::to_string(address.port);
  const int rc =
      getaddrinfo(address.host.c_str(), port.c_str(), &hints, &result);
  if (rc != 0) {
    return Errorf(Code::kInvalidArgument, "cannot resolve \"%s\": %s",
                  address.host.c_str(), gai_strerror(rc));
  }
  return AddrInfoPtr(result);
}

void SleepMs(int ms) {
  timespec pause = {ms / 1000, (ms % 1000) * kNsPerMs};
  nanosleep(&pause, nullptr);
}

// 0, or the errno of a failed attempt.
int ConnectOnce(const addrinfo& info, const Deadline& deadline, Fd* out) {
  Fd fd(socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno;
  if (connect(fd.get(), info.ai_addr, info.ai_addrlen) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    pollfd waiting = {fd.get(), POLLOUT, 0};
    if (poll(&waiting, 1, deadline.RemainingMs()) <= 0) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return error;
  }
  PrepareSocket(fd.get());
  *out = std::move(fd);
  return 0;
}

bool IsSelfConnection(int fd) {
  sockaddr_storage local = {}, remote = {};
  socklen_t local_size = sizeof(local), remote_size = sizeof(remote);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size) ==
             0 &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &remote_size) ==
             0 &&
         local_size == remote_size && memcmp(&local, &remote, local_size) == 0;
}

}  // namespace

void Fd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  HostPort parsed;
  if (colon != std::string::npos) {
    parsed.host = text.substr(0, colon);
    const bool bracketed = parsed.host.size() > 2 &&
                           parsed.host.front() == '[' &&
                           parsed.host.back() == ']';
    if (bracketed) parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
    const std::string port = text.substr(colon + 1);
    char* end = nullptr;
    const unsigned long value = strtoul(port.c_str(), &end, 10);
    const bool digits = !port.empty() && port.size() <= 5 &&
                        port.find_first_not_of("0123456789") == port.npos;
    const bool host_ok = !parsed.host.empty() &&
                         (bracketed || parsed.host.find(':') == text.npos);
    if (digits && *end == '\0' && value <= 65535 && host_ok) {
      parsed.port = static_cast<uint16_t>(value);
      return parsed;
    }
  }
  return Errorf(Code::kInvalidArgument,
                "\"%s\" is not HOST:PORT; write node7:29500 or [::1]:29500",
                text.c_str());
}

std::string ToString(const HostPort& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" +
         std::to_string(address.port);
}

void PrepareSocket(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

StatusOr<Fd> TcpListen(const HostPort& address, HostPort* bound) {
  auto resolved = Resolve(address, /*passive=*/true);
  if (!resolved.ok()) return resolved.status();
  const addrinfo& info = **resolved;
  Fd fd(socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return ErrnoError(Code::kResourceExhausted, errno, "cannot make a socket");
  }
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), info.ai_addr, info.ai_addrlen) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0) {
    return ErrnoError(Code::kUnavailable, errno,
                      "cannot listen on %s; choose a local address and a free "
                      "port (0 takes one)",
                      ToString(address).c_str());
  }
  sockaddr_storage local = {};
  socklen_t size = sizeof(local);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &size);
  *bound = address;
  bound->port = ntohs(local.ss_family == AF_INET6
                          ? reinterpret_cast<sockaddr_in6&>(local).sin6_port
                          : reinterpret_cast<sockaddr_in&>(local).sin_port);
  return fd;
}

StatusOr<Fd> TcpConnect(const HostPort& address, const Deadline& deadline) {
  auto resolved = Resolve(address, /*passive=*/false);
  if (!resolved.ok()) return resolved.status();
  int error = ETIMEDOUT;
  while (!deadline.Expired()) {
    for (const addrinfo* i = resolved->get(); i != nullptr; i = i->ai_next) {
      Fd fd;
      error = ConnectOnce(*i, deadline, &fd);
      // A port of our own that nobody listens on can connect to itself.
      if (error == 0 && !IsSelfConnection(fd.get())) return fd;
    }
    SleepMs(std::min(kRetryMs, deadline.RemainingMs()));
  }
  return ErrnoError(Code::kDeadlineExceeded, error,
                    "cannot connect to %s in time", ToString(address).c_str());
}

Status SendAll(int fd, const void* data, size_t bytes,
               const Deadline& deadline) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = send(fd, next, bytes, MSG_NOSIGNAL);
    if (n > 0) {
      next += n;
      bytes -= n;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      return ErrnoError(Code::kUnavailable, errno, "sending failed");
    }
    pollfd waiting = {fd, POLLOUT, 0};
    if (deadline.Expired()) {
      return Errorf(Code::kDeadlineExceeded, "the other side reads nothing");
    }
    poll(&waiting, 1, deadline.RemainingMs());
  }
  return Status();
}

Status RecvAll(int fd, void* data, size_t bytes, const Deadline& deadline) {
  char* next = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t n = recv(fd, next, bytes, 0);
    if (n > 0) {
      next += n;
      bytes -= n;
      continue;
    }
    if (n == 0) {
      return Errorf(Code::kUnavailable, "the connection was closed");
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      return ErrnoError(Code::kUnavailable, errno, "the connection broke");
    }
    pollfd waiting = {fd, POLLIN, 0};
    if (deadline.Expired()) {
      return Errorf(Code::kDeadlineExceeded, "no answer in time");
    }
    poll(&waiting, 1, deadline.RemainingMs());
  }
  return Status();
}

}  // namespace ithaca::driver
