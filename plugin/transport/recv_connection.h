// The receiving end of a connection: it decides what travels when, and where.
//
// Announced messages are matched with posted receives, equal tags in post
// order, in the order in which they were sent. Fragments of matched messages
// are granted to lanes (rails::LanePicker) within the rails' windows
// (rails::GrantBroker), and granted again elsewhere when a lane dies. See
// frame.h for the protocol. All calls with the engine's lock held.
#ifndef ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_
#define ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/rails/grant_broker.h"
#include "plugin/rails/lane_picker.h"
#include "plugin/transport/connection.h"

namespace ithaca {

class RecvConnection final : public Connection, public rails::GrantWaiter {
 public:
  struct Options {
    std::string peer;
    size_t fragment_bytes = 128 << 10;  // of a granted message
    rails::GrantBroker* broker = nullptr;
    ConnectionOwner* owner = nullptr;
    const Clock* clock = nullptr;
    LogSink* log = nullptr;
  };
  explicit RecvConnection(Options options);
  ~RecvConnection() override;

  // Posts a buffer of `bytes` for the next message with `tag`. Null when
  // kMessageWindow receives are posted already: try later. A message larger
  // than its buffer fails the connection (INVALID_ARGUMENT). The memory is
  // written until the request completes or the connection ends.
  StatusOr<Request*> Receive(void* data, size_t bytes, int32_t tag);

  void OnMemoryGone(const void* begin, const void* end) override;
  void Flush() override;
  Status OnFrameHead(Lane* lane, const Frame& frame, void** target) override;
  Status OnFrame(Lane* lane, const Frame& frame) override;
  void OnCredit() override;

 private:
  // A posted receive.
  struct Posted {
    Request request;
    void* data = nullptr;
    uint64_t bytes = 0;
    int32_t tag = 0;
    uint32_t order = 0;  // of posting; wraps
    bool matched = false;
  };

  // A message of the window [base_, base_ + kMessageWindow).
  struct Message {
    enum class State : uint8_t { kUnknown, kAnnounced, kMatched, kComplete };
    State state = State::kUnknown;
    bool eager = false;
    bool eager_arrived = false;  // its payload stands in `early`
    bool lost_lane = false;
    int32_t tag = 0;
    uint64_t size = 0;
    Posted* posted = nullptr;
    std::vector<char> early;  // payload that came before its receive
    // One byte per fragment: kNotGranted, kArrived, or 1 + the lane.
    std::vector<uint8_t> fragments;
    uint32_t next_fragment = 0;  // none before it needs a grant
    uint32_t missing = 0;        // fragments not yet arrived
  };
  static constexpr uint8_t kNotGranted = 0;
  static constexpr uint8_t kArrived = 0xff;

  void OnLaneUp(int index) override;
  void OnLaneLost(int index) override;
  int pending() const override { return posted_count_; }
  void ReleaseMemory() override;

  Message& At(uint32_t seq) { return messages_[seq % kMessageWindow]; }
  // The message that a frame is about; null when it is complete already.
  StatusOr<Message*> Find(const Frame& frame);
  uint64_t FragmentBytes(const Message& message, uint32_t fragment) const;

  Status Announce(Message* message, const Frame& frame);
  Status OnEagerHead(const Frame& frame, void** target);
  Status OnEager(Lane* lane, const Frame& frame);
  Status OnDataHead(const Frame& frame, void** target);
  Status OnData(Lane* lane, const Frame& frame);

  // Matches announced messages, in order, with posted receives.
  Status MatchAll();
  Posted* OldestPosted(int32_t tag);
  Status Match(uint32_t seq, Message* message, Posted* posted);
  void Grant();
  bool GrantFragment(uint32_t seq, Message* message, uint32_t fragment);
  void CompleteEager(uint32_t seq, Message* message, const Lane* lane);
  // `lane` delivered the last of it; null when none did just now.
  void Complete(uint32_t seq, Message* message, const Lane* lane);
  void AckSoon();
  void ReturnCredit();

  const size_t fragment_bytes_;
  rails::GrantBroker* const broker_;
  const Clock* const clock_;
  rails::LanePicker picker_;
  std::array<Posted, kMessageWindow> posted_;
  std::array<Message, kMessageWindow> messages_;
  uint32_t next_order_ = 0;
  uint32_t base_ = 0;       // every message before this one is complete
  uint32_t announced_ = 0;  // every message before this one was announced
  int posted_count_ = 0;    // receives not complete
  int unmatched_ = 0;       // messages before announced_ without a receive
  int fragments_out_ = 0;   // granted, not arrived
  bool ack_due_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_RECV_CONNECTION_H_
