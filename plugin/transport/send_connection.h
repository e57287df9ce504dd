// The sending end of a connection.
//
// A message is announced at once, its fragments go out as the receiver grants
// them, and its request completes when the receiver has acknowledged it: so the
// caller's memory is not needed after that, and a lane that dies takes nothing
// with it. A small message is sent at once, and a copy of it kept until the
// acknowledgement, so that its request is complete at once. See frame.h for the
// protocol. All calls with the engine's lock held.
#ifndef ITHACA_PLUGIN_TRANSPORT_SEND_CONNECTION_H_
#define ITHACA_PLUGIN_TRANSPORT_SEND_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/transport/connection.h"

namespace ithaca {

class SendConnection final : public Connection {
 public:
  // Messages of at most `eager_bytes` (<= kMaxEagerBytes) travel unasked, while
  // few enough are not acknowledged (kMaxUnaskedBytes).
  SendConnection(std::string peer, size_t eager_bytes, ConnectionOwner* owner,
                 const Clock* clock, LogSink* log);

  // Starts to send `bytes` at `data` under `tag`. Null when kMessageWindow
  // messages are on their way: try later. The memory is read until the request
  // completes or the connection ends. The error of a connection that failed.
  // A connection that ends while messages are unacknowledged() may take them
  // with it.
  StatusOr<Request*> Send(const void* data, size_t bytes, int32_t tag);

  void OnMemoryGone(const void* begin, const void* end) override;
  void Flush() override;
  Status OnFrameHead(Lane* lane, const Frame& frame, void** target) override;
  int pending() const override { return pending_; }
  int unacknowledged() const override { return kept_; }

 private:
  // A slot for messages (frame.h), and the one in it.
  struct Message : Request {
    const void* data = nullptr;
    std::unique_ptr<char[]> copy;  // where data is, when kept
    int32_t tag = 0;
    uint32_t seq = 0;
    uint64_t order = 0;
    int8_t announced_on = -1;  // lane index; -1: no lane was up
    bool acked = true;
    bool eager = false;      // travels with its announcement
    bool kept = false;       // eager, and complete before the acknowledgement
    bool lost_lane = false;  // a lane died meanwhile: copies may be queued
    uint64_t granted = 0;    // bytes
  };

  void Recycle(Request* request) override;
  void OnLaneUp(int index) override;
  void OnLaneLost(int index) override;
  Status OnMessageFrame(Lane* lane, const Frame& frame) override;
  void ReleaseMemory() override;

  // A free slot, or null.
  Message* FreeSlot();
  // The message `seq`, or null when its acknowledgement came already. `verb`
  // says what the peer did with it, for the error when it was never sent.
  StatusOr<Message*> Find(uint32_t seq, const char* verb);
  // Completes the request: its bytes are copied.
  void Keep(Message* message);
  void Announce(Message* message);
  void Complete(Message* message);
  Status OnGrant(const Frame& frame);
  Status OnAck(const Frame& frame);

  // What may wait unasked for a peer that is late: less than a fresh socket's
  // receive window. A window that stays closed for ITHACA_PEER_TIMEOUT makes
  // the kernel give up the lane, and being late is no failure.
  static constexpr uint64_t kMaxUnaskedBytes = 48 << 10;

  // What the lane said of its losses last; asking costs a system call.
  uint32_t Retransmits(Lane* lane, int64_t now_ns);
  struct Losses {
    int64_t asked_ns = 0;
    uint32_t retransmits = 0;
  };
  static constexpr int64_t kAskEveryNs = kNsPerMs / 2;

  const size_t eager_bytes_;
  const Clock* const clock_;
  std::deque<Message> slots_;  // as many as were ever in use at once
  std::deque<uint32_t> free_;  // slots, the one longest free first
  uint64_t next_order_ = 0;
  int pending_ = 0;
  int kept_ = 0;  // messages
  std::array<Losses, kMaxLanes> losses_;
  // Messages whose announcements wait for others to travel with, in order.
  std::vector<Message*> to_announce_;
  uint64_t asked_bytes_ = 0;    // granted, of messages not acknowledged
  uint64_t unasked_bytes_ = 0;  // of eager messages not acknowledged
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_SEND_CONNECTION_H_
