// What the two ends of a connection share: lanes, the first error, requests.
//
// A connection is made by the engine when the handshake is through, gets lanes
// as they come up, and lives until NCCL closes it. Closing needs no lock-step
// with the peer: the lanes are dropped and with them every reference to user
// memory. All calls with the engine's lock held.
#ifndef ITHACA_PLUGIN_TRANSPORT_CONNECTION_H_
#define ITHACA_PLUGIN_TRANSPORT_CONNECTION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/lane.h"

namespace ithaca {

class Connection;

// How many buffers one receive may group, as in NCCL's InfiniBand transport.
inline constexpr int kMaxGroup = 8;

// One isend or irecv. Owned by its connection; its address is what NCCL holds.
struct Request {
  enum class State : uint8_t {
    kFree,
    kActive,
    kDone,  // complete, not yet seen by Test()
  };
  Connection* connection = nullptr;
  State state = State::kFree;
  int count = 1;  // messages: of a grouped receive as many as buffers
  uint64_t bytes[kMaxGroup] = {};  // of each message; valid when done
};

// Who makes connections and drives them.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // Flush() has something to send: call it soon, once.
  virtual void OnWantsFlush(Connection* connection) = 0;
  // The connection failed: call DropLanes() soon, so that the peer learns it.
  virtual void OnFailed(Connection* connection) = 0;
};

class Connection : public LaneSink {
 public:
  // `peer` names the other end in log lines.
  Connection(std::string peer, ConnectionOwner* owner, LogSink* log)
      : peer_(std::move(peer)), owner_(owner), log_(log) {}
  ~Connection() override = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Takes a lane that is up, as number `index` (0 <= index < kMaxLanes) on the
  // local rail `rail`. A lane that stood there and is down is dropped.
  // FAILED_PRECONDITION when one is up there; the error of a failed connection.
  Status AddLane(int index, int rail, std::unique_ptr<Lane> lane);

  // Whether the request is complete; when it is, the sizes of its messages are
  // stored (request->count of them) and the request is free again. An error
  // when the connection failed before.
  // REQUIRES: request->connection == this and it is not free.
  StatusOr<bool> Test(Request* request, uint64_t* bytes);

  // Ends the connection: every request not yet complete fails with `why`. The
  // first call wins, and is logged; but when a peer merely left and nothing was
  // pending, only once somebody needs it again.
  void Fail(const Status& why);

  // Fails the connection if a request not complete uses memory of [begin, end).
  virtual void OnMemoryGone(const void* begin, const void* end) = 0;

  // Sends what was put off to be sent together (acknowledgements).
  virtual void Flush() {}

  // Closes every lane. Not from within a lane's callback.
  void DropLanes();

  const Status& status() const { return status_; }
  const std::string& peer() const { return peer_; }
  ConnectionOwner* owner() const { return owner_; }
  int lanes_up() const;

  void OnLaneDown(Lane* lane, const Status& why) final;

 protected:
  struct LaneSlot {
    std::unique_ptr<Lane> lane;
    int rail = 0;
    bool up = false;
  };

  // The request was done, and whoever made it knows: it may be used again.
  virtual void Recycle(Request* request) = 0;
  // The lane came up (again) or went down, and the connection goes on.
  virtual void OnLaneUp(int index) = 0;
  virtual void OnLaneLost(int index) = 0;
  // How many requests are accepted and not complete.
  virtual int pending() const = 0;
  // The connection failed: make the lanes forget all user memory.
  virtual void ReleaseMemory() = 0;

  // The error of a connection that failed, to hand to who needs it alive.
  Status Refuse();
  void WantFlush() { owner_->OnWantsFlush(this); }
  // The up lane with the least queued, or null.
  Lane* LeastQueued();
  const LaneSlot& slot(int index) const { return lanes_[index]; }
  int IndexOf(const Lane* lane) const;
  // Makes every lane (but `except`) forget the memory of message `seq`; lanes
  // that are down too, because who reported one down need not be the lane.
  void ForgetOnLanes(uint32_t seq, const Lane* except);

 private:
  void LogFailure();

  const std::string peer_;
  ConnectionOwner* const owner_;
  LogSink* const log_;
  std::array<LaneSlot, kMaxLanes> lanes_;
  Status status_;
  bool logged_ = false;
};

// a before b in the order of message numbers, which wrap.
inline bool SeqBefore(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_CONNECTION_H_
