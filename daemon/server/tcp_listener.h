// A listening TCP socket.
//
// Used by PeerServer. Threads: values. Life: closed with the object.
#ifndef ITHACA_DAEMON_SERVER_TCP_LISTENER_H_
#define ITHACA_DAEMON_SERVER_TCP_LISTENER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace ithaca::server {

class TcpListener {
 public:
  // `where` is HOST:PORT: a name or a numeric address (IPv6 in brackets;
  // 0.0.0.0 or [::] for every interface), and 0 for any free port. `flag` names
  // it in errors: INVALID_ARGUMENT, or UNAVAILABLE when it cannot be had.
  static absl::StatusOr<std::unique_ptr<TcpListener>> Bind(
      const std::string& flag, const std::string& where);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  // Non-blocking.
  int fd() const { return fd_; }
  // HOST:PORT with the host as it was given and the port that it really has.
  const std::string& address() const { return address_; }

 private:
  TcpListener(int fd, std::string address)
      : fd_(fd), address_(std::move(address)) {}

  const int fd_;
  const std::string address_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_TCP_LISTENER_H_
