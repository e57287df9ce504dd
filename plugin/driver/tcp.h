// Non-blocking TCP with a deadline on everything, for the rendezvous only.
//
// Data never goes this way: it goes through the plugin. No thread of its own;
// one descriptor is used by one thread at a time.
#ifndef ITHACA_PLUGIN_DRIVER_TCP_H_
#define ITHACA_PLUGIN_DRIVER_TCP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "plugin/core/status.h"
#include "plugin/driver/deadline.h"

namespace ithaca::driver {

// Owns one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    Reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

struct HostPort {
  std::string host;  // name or address; an IPv6 address without its brackets
  uint16_t port = 0;
};

// "127.0.0.1:80", "node7:80", "[::1]:80". Error: what is wrong with `text`.
StatusOr<HostPort> ParseHostPort(const std::string& text);
std::string ToString(const HostPort& address);

// Listens there, non-blocking; port 0 takes a free one. `*bound` says which.
StatusOr<Fd> TcpListen(const HostPort& address, HostPort* bound);

// Connects, trying again while the other side does not listen yet.
StatusOr<Fd> TcpConnect(const HostPort& address, const Deadline& deadline);

// All of it or an error. A closed connection is kUnavailable.
Status SendAll(int fd, const void* data, size_t bytes,
               const Deadline& deadline);
Status RecvAll(int fd, void* data, size_t bytes, const Deadline& deadline);

// Makes an accepted or connected socket non-blocking, quick and closed on exec.
void PrepareSocket(int fd);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_TCP_H_
