// The communicator objects behind NCCL's handles: listening, sending,
// receiving.
//
// Each is a connection (or the place where connections arrive) with what keeps
// its lanes: who dials them, and the sockets that watch over lanes without one.
// While a connection has work, its communicator watches the lanes: one on a
// dead path is given up when another works, and is dialled again; without any
// that works, the connection ends after ITHACA_PEER_TIMEOUT, or as soon as it
// is certain that the peer is gone. All with the engine's lock held.
#ifndef ITHACA_PLUGIN_NET_COMMS_H_
#define ITHACA_PLUGIN_NET_COMMS_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/status.h"
#include "plugin/net/devices.h"
#include "plugin/net/lane_dialer.h"
#include "plugin/net/lane_guard.h"
#include "plugin/rails/lane_health.h"
#include "plugin/socket/dialer.h"
#include "plugin/transport/connection.h"
#include "plugin/transport/handle.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca::net {

class Engine;

// How often watched connections look after their lanes.
inline constexpr int64_t kWatchNs = 50 * kNsPerMs;

// What sending and receiving have in common for the engine.
class Comm {
 public:
  explicit Comm(Engine* engine) : engine_(engine) {}
  virtual ~Comm() = default;
  virtual Connection* connection() = 0;

  // Connection::AddLane, with the socket of the handshake when the lane needs
  // it as a guard; else `guard_fd` is -1. Takes it over.
  Status AddLane(int index, int rail, uint32_t dial, std::unique_ptr<Lane> lane,
                 int guard_fd);

  void StartWatch(int64_t now_ns);
  // Looks after the lanes, every kWatchNs. False: there is no need any more.
  bool Watch(int64_t now_ns);

 protected:
  // Drops lanes and guards. To be called by destructors.
  void DropLanes();

  // Does what this end can to get lanes that are down back, or to learn that
  // the peer is gone: then it fails the connection.
  virtual void Restore(int64_t now_ns) = 0;
  // What is known about lane `index`, for the log; empty: there is none.
  virtual std::string DescribeLane(int index) const = 0;

  // Whether a lane is up and its path answers.
  bool Works(int index);
  bool AnyLaneWorks();

  Engine* const engine_;

 private:
  void CheckLane(int index, int64_t now_ns);
  void CheckLanes(int64_t now_ns);
  void FailWhenOverdue(int64_t now_ns);
  bool Sample(int index, rails::PathSample* sample);
  void Ping(int index);

  struct WatchedLane {
    uint32_t dial = 0;
    rails::LaneHealth health;
    uint64_t bytes_received = 0;
    bool outstanding = false;
  };
  std::array<WatchedLane, kMaxLanes> watched_;
  std::array<std::unique_ptr<LaneGuard>, kMaxLanes> guards_;
  int64_t busy_ns_ = 0;   // when there was work last
  int64_t alive_ns_ = 0;  // until when no work waited in vain
};

class SendComm final : public Comm {
 public:
  // Starts to dial every lane of the connection; to a listener on our own host
  // one over shared memory, which needs no others while it can be had.
  SendComm(Engine* engine, const Device& device, const Handle& handle,
           ConnectionId id);
  ~SendComm() override;

  // Takes what the first dials have achieved. True when no lane is still to
  // come.
  bool Step();
  // OK while there is a lane or hope of one.
  Status Verdict() const;
  bool connected() const { return connection_.lanes_up() > 0; }
  SendConnection* connection() override { return &connection_; }
  const ConnectionId& id() const { return id_; }

 private:
  StatusOr<Hello> HelloFor(int lane, int rail, uint32_t dial) const;
  // Makes the dialers of the lanes that there are to be now.
  void MakeDialers();
  Status FinishDial(Dialer* dialer, int lane, uint32_t dial);
  // Dials all rails: there is no shared memory with the peer after all.
  void FallBack();
  void Restore(int64_t now_ns) override;
  std::string DescribeLane(int index) const override;

  const Device device_;
  const Handle handle_;
  const ConnectionId id_;
  const int64_t deadline_ns_;
  SendConnection connection_;
  std::vector<std::unique_ptr<LaneDialer>> dialers_;  // by lane
  // Lane 0 is to go over shared memory, and to be the only one.
  bool over_shm_;
  bool fall_back_ = false;  // it turned out that it cannot
};

class RecvComm final : public Comm {
 public:
  RecvComm(Engine* engine, ConnectionId id, uint64_t listener, uint64_t nonce,
           RecvConnection::Options options)
      : Comm(engine),
        id_(id),
        listener_(listener),
        nonce_(nonce),
        connection_(std::move(options)) {}
  ~RecvComm() override;

  RecvConnection* connection() override { return &connection_; }
  const ConnectionId& id() const { return id_; }
  bool Owns(const Hello& hello) const {
    return hello.listener == listener_ && hello.nonce == nonce_;
  }
  // Whether lane 0, the last that came, goes over shared memory.
  void set_over_shm(bool over_shm) { over_shm_ = over_shm; }
  // False while it is not certain that the peer could join that lane. If it
  // could not it dials again, and has to be answered.
  bool Confirmed() const;
  // A lane came from `from`, over local rail `rail`; where to knock.
  void SetOrigin(const Hello& hello, int rail, sockaddr_storage from);

 private:
  void Restore(int64_t now_ns) override;
  std::string DescribeLane(int index) const override;
  void Knock();

  const ConnectionId id_;
  const uint64_t listener_;
  const uint64_t nonce_;
  RecvConnection connection_;
  bool over_shm_ = false;

  // The other end dials; this one can only ask whether it is still there.
  struct Origin {
    bool known = false;
    Dialer::Target knock;
  };
  std::array<Origin, kMaxLanes> origins_;
  std::unique_ptr<Dialer> knock_;
  int64_t next_knock_ns_ = 0;
  int hung_up_ = 0;  // knocks in a row
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
