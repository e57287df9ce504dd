// The communicator objects behind NCCL's handles: listening, sending,
// receiving.
//
// Each is a connection (or the place where connections arrive) with what keeps
// its lanes: the dialers that still try, and the sockets that watch over lanes
// made by UCX. All with the engine's lock held.
#ifndef ITHACA_PLUGIN_NET_COMMS_H_
#define ITHACA_PLUGIN_NET_COMMS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/status.h"
#include "plugin/net/devices.h"
#include "plugin/socket/dialer.h"
#include "plugin/socket/poller.h"
#include "plugin/transport/connection.h"
#include "plugin/transport/handle.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca::net {

class Engine;

// Tells a connection that a lane without a socket of its own is down when the
// peer's process ends: it holds the socket of the handshake, which the peer
// closes last. What the peer sent before on the lane itself may still be on its
// way then, so the lane gets kLaneGraceNs more.
class LaneGuard : private Pollable {
 public:
  // Takes over `fd`.
  LaneGuard(int fd, Lane* lane, Connection* connection, Engine* engine);
  ~LaneGuard() override;

  // The grace is over.
  void Expire();

 private:
  void OnReady(uint32_t events) override;

  const int fd_;
  Lane* const lane_;
  Connection* const connection_;
  Engine* const engine_;
  uint64_t token_ = 0;
  Status why_;
};

inline constexpr int64_t kLaneGraceNs = 200 * kNsPerMs;

// What sending and receiving have in common for the engine.
class Comm {
 public:
  virtual ~Comm() = default;
  virtual Connection* connection() = 0;
  void Guard(int fd, Lane* lane, Engine* engine) {
    guards_.push_back(
        std::make_unique<LaneGuard>(fd, lane, connection(), engine));
  }

 protected:
  std::vector<std::unique_ptr<LaneGuard>> guards_;
};

class SendComm final : public Comm {
 public:
  // Starts to dial every lane of the connection.
  SendComm(Engine* engine, const Device& device, const Handle& handle,
           ConnectionId id);
  ~SendComm() override;

  // Takes what the dialers have achieved. True when no lane is still to come.
  bool Step();
  // OK while there is a lane or hope of one.
  Status Verdict() const;
  bool connected() const { return connection_.lanes_up() > 0; }
  SendConnection* connection() override { return &connection_; }

 private:
  StatusOr<Hello> HelloFor(int lane, int rail) const;

  Engine* const engine_;
  const Handle handle_;
  const ConnectionId id_;
  const int64_t deadline_ns_;
  SendConnection connection_;
  std::vector<std::unique_ptr<Dialer>> dialers_;  // by lane; null = settled
  Status error_;                                  // of the dialers that gave up
};

class RecvComm final : public Comm {
 public:
  RecvComm(Engine* engine, ConnectionId id, uint64_t listener, uint64_t nonce,
           RecvConnection::Options options)
      : id_(id),
        listener_(listener),
        nonce_(nonce),
        engine_(engine),
        connection_(std::move(options)) {}
  ~RecvComm() override;

  RecvConnection* connection() override { return &connection_; }
  const ConnectionId& id() const { return id_; }
  bool Owns(const Hello& hello) const {
    return hello.listener == listener_ && hello.nonce == nonce_;
  }

 private:
  const ConnectionId id_;
  const uint64_t listener_;
  const uint64_t nonce_;
  Engine* const engine_;
  RecvConnection connection_;
};

class ListenComm {
 public:
  ListenComm(Engine* engine, uint64_t id, uint64_t nonce)
      : id_(id), nonce_(nonce), engine_(engine) {}
  ~ListenComm();

  uint64_t id() const { return id_; }
  uint64_t nonce() const { return nonce_; }

 private:
  friend class Engine;
  const uint64_t id_;
  const uint64_t nonce_;
  Engine* const engine_;
  std::set<ConnectionId> seen_;  // a late lane must not make a second one
  std::deque<std::unique_ptr<RecvComm>> ready_;
  int64_t waiting_since_ns_ = 0;
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_COMMS_H_
