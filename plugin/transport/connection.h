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

// While so many bytes of a connection are granted and on their way, frames that
// announce or acknowledge wait a moment for others to travel with: a packet of
// its own costs each end some microseconds.
inline constexpr uint64_t kStreamBytes = 128 << 10;

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
  // Flush() has something that may wait for a millisecond or so, to travel with
  // more: call it then, once.
  virtual void OnWantsFlushLater(Connection* connection) {
    OnWantsFlush(connection);
  }
  // Flush() has something that may wait while there is other work: call it
  // within 0.1 ms or so, once.
  virtual void OnWantsFlushSoon(Connection* connection) {
    OnWantsFlush(connection);
  }
  // The connection failed: call DropLanes() soon, so that the peer learns it.
  virtual void OnFailed(Connection* connection) = 0;
  // The connection has something to do, and is not watched(): see to it that
  // its lanes work.
  virtual void OnBusy(Connection*) {}
  // A lane on local rail `rail` was lost and the connection goes on, maybe
  // without any: call ReapLanes() soon, and have it dialled again.
  virtual void OnLaneLost(Connection*, int /*rail*/, const Status& /*why*/) {}
  // A lane came up where one had been lost.
  virtual void OnLaneBack(Connection*, int /*rail*/) {}
  // Bytes granted on a lane of `rail` that was lost are granted again.
  virtual void OnRegranted(int /*rail*/, uint64_t /*bytes*/) {}
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
  // local rail `rail`, dialled for the `dial`th time. Takes the place of a lane
  // of an earlier dial, which is lost then if it was up. FAILED_PRECONDITION
  // when the one there is of this dial or a later one; the error of a failed
  // connection. Not from within a lane's callback.
  Status AddLane(int index, int rail, std::unique_ptr<Lane> lane,
                 uint32_t dial = 1);

  // Gives lane `index` up if it is up and of dial `dial`; its unfinished work
  // goes to other lanes, and the peer is told.
  void LoseLane(int index, uint32_t dial, const Status& why);

  // Destroys lanes that are down. Not from within a lane's callback.
  void ReapLanes();

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
  // How many requests are accepted and not complete.
  virtual int pending() const = 0;
  // How many messages were sent of which the peer has not said that it has
  // them, though their requests are complete.
  virtual int unacknowledged() const { return 0; }
  // Whether there is anything for which the lanes have to work.
  bool busy() const { return pending() > 0 || unacknowledged() > 0; }
  // Lane `index`, or null when it is not up; and by which dial it last came up.
  Lane* lane(int index) const {
    return lanes_[index].up ? lanes_[index].lane.get() : nullptr;
  }
  uint32_t dial(int index) const { return lanes_[index].dial; }
  // Whether every lane that ever came up is up, and nothing failed.
  bool whole() const;
  // The peer said bye: lanes that are down stay so.
  bool peer_left() const { return peer_left_; }

  // Whether the owner watches the lanes; the owner's to set.
  bool watched() const { return watched_; }
  void set_watched(bool watched) { watched_ = watched; }

  Status OnFrame(Lane* lane, const Frame& frame) final;
  void OnLaneDown(Lane* lane, const Status& why) final;

 protected:
  struct LaneSlot {
    std::unique_ptr<Lane> lane;
    int rail = 0;
    bool up = false;
    uint32_t dial = 0;  // 0 = there never was one
  };

  // The request was done, and whoever made it knows: it may be used again.
  virtual void Recycle(Request* request) = 0;
  // The lane came up (again) or went down, and the connection goes on.
  virtual void OnLaneUp(int index) = 0;
  virtual void OnLaneLost(int index) = 0;
  // A frame that is about messages; as LaneSink::OnFrame.
  virtual Status OnMessageFrame(Lane* lane, const Frame& frame) = 0;
  // The connection failed: make the lanes forget all user memory.
  virtual void ReleaseMemory() = 0;

  // The error of a connection that failed, to hand to who needs it alive.
  Status Refuse();
  void WantFlush() { owner_->OnWantsFlush(this); }
  void WantFlushSoon() { owner_->OnWantsFlushSoon(this); }
  void WantFlushLater() { owner_->OnWantsFlushLater(this); }
  // To be called with each request that is accepted.
  void Busy() {
    if (!watched_) owner_->OnBusy(this);
  }
  // The up lane with the least queued, or null.
  Lane* LeastQueued();
  // Whether anything waits in a lane.
  bool AnyQueued() const;
  const LaneSlot& slot(int index) const { return lanes_[index]; }
  int IndexOf(const Lane* lane) const;
  // Makes every lane (but `except`) forget the memory of message `seq`; lanes
  // that are down too, because who reported one down need not be the lane.
  void ForgetOnLanes(uint32_t seq, const Lane* except);

 private:
  void LogFailure();
  void Lose(int index, const Status& why);
  void TellOfLostLanes();
  void OnBye(Lane* lane);

  const std::string peer_;
  ConnectionOwner* const owner_;
  LogSink* const log_;
  std::array<LaneSlot, kMaxLanes> lanes_;
  Status status_;
  bool logged_ = false;
  bool peer_left_ = false;
  bool watched_ = false;
};

// a before b in the order of message numbers, which wrap.
inline bool SeqBefore(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_CONNECTION_H_
