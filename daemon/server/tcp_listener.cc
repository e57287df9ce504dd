#include "daemon/server/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ithaca::server {
namespace {

constexpr int kBacklog = 1024;

struct HostPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostPort> Split(const std::string& flag,
                               const std::string& where) {
  const size_t colon = where.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(where.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, "=", where, ": is not HOST:PORT; give for instance ",
                     flag, "=0.0.0.0:7443"));
  }
  std::string host = where.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, "=", where, ": put the IPv6 address in brackets, as [", host,
        "]:", port));
  }
  return HostPort{host, where.substr(colon + 1)};
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return -1;
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

// Below 0, with errno: it cannot be had.
int BindOne(const addrinfo& info) {
  const int fd =
      socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fd;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, info.ai_addr, info.ai_addrlen) == 0 &&
      listen(fd, kBacklog) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpListener>> TcpListener::Bind(
    const std::string& flag, const std::string& where) {
  const auto split = Split(flag, where);
  if (!split.ok()) return split.status();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* infos = nullptr;
  const int failed =
      getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &infos);
  if (failed != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, "=", where, ": ", gai_strerror(failed),
                     "; give an address of this machine"));
  }
  int fd = -1;
  for (const addrinfo* info = infos; info != nullptr && fd < 0;
       info = info->ai_next) {
    fd = BindOne(*info);
  }
  const int error = errno;
  freeaddrinfo(infos);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrCat(
        flag, "=", where, ": ", std::strerror(error),
        error == EADDRINUSE ? "; another program listens there: stop it, or "
                              "take another port"
                            : "; give an address of this machine, and a port "
                              "that this user may take"));
  }
  const std::string host = where.substr(0, where.rfind(':'));
  return std::unique_ptr<TcpListener>(
      new TcpListener(fd, absl::StrCat(host, ":", PortOf(fd))));
}

TcpListener::~TcpListener() { close(fd_); }

}  // namespace ithaca::server
