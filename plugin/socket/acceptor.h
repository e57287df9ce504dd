// Listens on rails and reads hellos; whoever else knocks is turned away.
//
// A port scanner, a slow-loris or garbage costs one descriptor for at most
// kHelloTimeoutNs, and one log line for the life of the acceptor.
// Used with the engine's lock held.
#ifndef ITHACA_PLUGIN_SOCKET_ACCEPTOR_H_
#define ITHACA_PLUGIN_SOCKET_ACCEPTOR_H_

#include <sys/socket.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/socket/poller.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/rail.h"

namespace ithaca {

// Who answers hellos.
class HelloSink {
 public:
  virtual ~HelloSink() = default;
  // A well-formed hello came on local rail `rail`. Takes over `fd`, which is
  // non-blocking and stands behind the hello. `peer` is its address in words.
  // Returns false when the hello is not for anybody here: the acceptor counts
  // it as a stray.
  virtual bool OnHello(int rail, int fd, const std::string& peer,
                       const Hello& hello) = 0;
};

class Acceptor {
 public:
  static constexpr int64_t kHelloTimeoutNs = 5 * kNsPerSecond;
  // Connections whose hello is not complete; the oldest gives way.
  static constexpr size_t kMaxPending = 1024;

  Acceptor(const std::vector<Rail>* rails, int timeout_s, Poller* poller,
           const Clock* clock, LogSink* log, HelloSink* sink);
  ~Acceptor();

  // Listens on rail `rail` unless it does already; returns its address.
  StatusOr<sockaddr_storage> Open(int rail);

  // Turns away those that took too long. Call now and then.
  void Expire();

  size_t pending() const { return pending_.size(); }

 private:
  class Port;
  class Visitor;

  void OnConnection(int rail, int fd, const sockaddr_storage& from);
  void OnStray(const std::string& peer, const char* why);
  void OnAcceptError(int error);

  const std::vector<Rail>* const rails_;
  const int timeout_s_;
  Poller* const poller_;
  const Clock* const clock_;
  LogSink* const log_;
  HelloSink* const sink_;
  std::vector<std::unique_ptr<Port>> ports_;     // by rail; null = not open
  std::list<std::unique_ptr<Visitor>> pending_;  // oldest first
  bool stray_logged_ = false;
  bool shortage_logged_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_ACCEPTOR_H_
