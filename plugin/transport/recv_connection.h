// The receiving end of a connection: it decides what travels when, and where.
//
// Announced messages are matched, in the order in which they were sent, with
// posted receives (posted_receives.h). Fragments of matched messages are
// granted to lanes (rails::LanePicker) within the rails' windows
// (rails::CreditBroker), and granted again elsewhere when a lane dies. See
// frame.h for the protocol. All calls with the engine's lock held.
#ifndef ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_
#define ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/rails/credit_broker.h"
#include "plugin/rails/lane_picker.h"
#include "plugin/transport/connection.h"
#include "plugin/transport/fragments.h"
#include "plugin/transport/posted_receives.h"

namespace ithaca {

class RecvConnection final : public Connection, public rails::CreditWaiter {
 public:
  struct Options {
    std::string peer;
    rails::CreditBroker* broker = nullptr;
    ConnectionOwner* owner = nullptr;
    const Clock* clock = nullptr;
    LogSink* log = nullptr;
  };
  explicit RecvConnection(Options options);
  ~RecvConnection() override;

  // Posts `n` buffers (1 <= n <= kMaxGroup), of sizes[i] bytes at data[i] for
  // the next message with tags[i], under one request, which completes when all
  // have their message. A null buffer takes messages of 0 bytes. Null when
  // PostedReceives::kMaxRequests are posted already: try later. A message
  // larger than its buffer fails the connection (INVALID_ARGUMENT). The memory
  // is written until the request completes or the connection ends.
  StatusOr<Request*> Receive(int n, void* const* data, const size_t* sizes,
                             const int* tags);
  // One buffer.
  StatusOr<Request*> Receive(void* data, size_t bytes, int32_t tag) {
    return Receive(1, &data, &bytes, &tag);
  }

  // The lane to come as number `index` brings what process `peer` sends; any
  // number that tells processes apart. Call before AddLane.
  void SetPeer(int index, uint64_t peer) { peers_[index] = peer; }

  void OnMemoryGone(const void* begin, const void* end) override;
  void Flush() override;
  Status OnFrameHead(Lane* lane, const Frame& frame, void** target) override;
  int pending() const override { return posted_.pending(); }
  void OnCredit() override;

 private:
  // A slot for messages (frame.h), and the one in it. Between messages the slot
  // is kUnknown and has the number of the next.
  struct Message : PostedReceives::Arrival {
    enum class State : uint8_t { kUnknown, kAnnounced, kMatched };
    State state = State::kUnknown;
    bool eager = false;
    bool eager_arrived = false;  // its payload stands in `early`
    bool lost_lane = false;
    bool granting = false;  // is in granting_
    uint32_t seq = 0;
    uint64_t order = 0;
    uint64_t size = 0;
    PostedReceives::Buffer* buffer = nullptr;  // when matched
    std::vector<char> early;  // payload that came before its receive
    Fragments fragments;
  };

  void OnLaneUp(int index) override;
  void OnLaneLost(int index) override;
  void Recycle(Request* request) override { posted_.Close(request); }
  Status OnMessageFrame(Lane* lane, const Frame& frame) override;
  void ReleaseMemory() override;

  // The message that a frame is about; null when it is complete already.
  StatusOr<Message*> Find(const Frame& frame);

  Status Announce(Message* message, const Frame& frame);
  Status OnEagerHead(const Frame& frame, void** target);
  Status OnEager(Lane* lane, const Frame& frame);
  Status OnDataHead(const Frame& frame, void** target);
  Status OnData(Lane* lane, const Frame& frame);

  // Offers the message to the posted receives, and those after it, as far as
  // their order has no gap.
  Status Arrive(Message* message);
  Status Match(Message* message, PostedReceives::Buffer* buffer);
  void GrantLater(Message* message);
  void Grant();
  void GrantFragment(Message* message, int lane, uint64_t bytes,
                     int64_t now_ns);
  void CompleteEager(Message* message, const Lane* lane);
  // `lane` delivered the last of it; null when none did just now.
  void Complete(Message* message, const Lane* lane);
  void AckSoon(uint32_t seq);
  // With the next grant, or with others: more of the stream is on its way.
  void AckWithOthers(uint32_t seq);
  void FlushSoon();
  // The sender does not wait for it: with more of its kind, or with whatever
  // else there is to say, or in a while.
  void AckLater(uint32_t seq, uint64_t bytes);

  const Clock* const clock_;
  rails::LanePicker picker_;
  std::array<uint64_t, kMaxLanes> peers_{};
  PostedReceives posted_;
  std::deque<Message> slots_;  // as many as the sender ever used at once
  // Messages announced before one that was sent earlier, by their order modulo
  // kMessageWindow; null: none. Empty while all come in order.
  std::vector<Message*> by_order_;
  uint64_t next_order_ = 0;        // every message before it was announced
  std::deque<Message*> granting_;  // those with fragments to grant, in turn
  bool in_grant_ = false;
  uint64_t ungranted_ = 0;        // bytes of granting_
  std::vector<uint32_t> to_ack_;  // message numbers
  uint64_t late_bytes_ = 0;       // of those that may come late
  // Of what may be unacknowledged and unasked (send_connection.h) a part, so
  // that a steady stream is not held up.
  static constexpr size_t kMostLate = 32;
  static constexpr uint64_t kMostLateBytes = 12 << 10;
  bool flushing_soon_ = false;
  bool flushing_with_others_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_
