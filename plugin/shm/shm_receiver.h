// The receiving half of a lane: takes frames out of a channel, puts payloads
// where the sink wants them.
//
// Owned by ShmLane; confined to the engine's lock. Nothing that the peer wrote
// is used before it was copied out and checked.
#ifndef ITHACA_PLUGIN_SHM_SHM_RECEIVER_H_
#define ITHACA_PLUGIN_SHM_SHM_RECEIVER_H_

#include <cstdint>

#include "plugin/core/status.h"
#include "plugin/shm/inbox.h"
#include "plugin/shm/ring.h"
#include "plugin/shm/segment.h"
#include "plugin/transport/lane.h"

namespace ithaca {

class ShmReceiver {
 public:
  // `lane` is what the sink is told; `bell` (the writer's) and all others
  // outlive this.
  ShmReceiver(const Channel& channel, Bell* bell, Lane* lane, LaneSink* sink)
      : head_(channel.head),
        bell_(bell),
        lane_(lane),
        sink_(sink),
        ring_(channel) {}

  // Takes what has come, within bounds. True when there is more. An error (the
  // sink's, or DATA_LOSS when the channel makes no sense) ends the lane.
  StatusOr<bool> Turn();

  // The rest of message `seq` is dropped, and what was half received of it is
  // not delivered.
  void Forget(uint32_t seq);

  // Whether the rest of a frame is to come, which no bell need announce.
  bool half() const { return half_; }
  // Whether the writer said that no more comes.
  bool writer_closed() const {
    return head_->closed.load(std::memory_order_seq_cst) != 0;
  }
  uint64_t bytes_received() const { return bytes_received_; }

 private:
  Status OnRecord(const Record& record, const uint8_t* payload);
  Status OnFrameRecord(const Record& record, const uint8_t* payload);
  Status OnPayload(const uint8_t* payload, uint32_t bytes);
  // Gives room back, and wakes the writer if it waits for some.
  void Publish();

  ChannelHead* const head_;
  Bell* const bell_;
  Lane* const lane_;
  LaneSink* const sink_;
  RingReader ring_;
  // The frame whose payload is being received, while half_ says so.
  bool half_ = false;
  bool forgotten_ = false;  // its target was taken back
  Frame frame_;
  uint8_t* target_ = nullptr;  // null: drop
  uint32_t received_ = 0;
  uint64_t bytes_received_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_RECEIVER_H_
