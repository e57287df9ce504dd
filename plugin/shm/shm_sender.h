// The sending half of a lane: a queue of frames before a channel.
//
// Payloads are copied into the ring in pieces, so that both ends copy at once;
// whatever waits for room stays in the queue and can be dropped at will.
// Owned by ShmLane; confined to the engine's lock.
#ifndef ITHACA_PLUGIN_SHM_SHM_SENDER_H_
#define ITHACA_PLUGIN_SHM_SHM_SENDER_H_

#include <cstdint>

#include "plugin/core/status.h"
#include "plugin/shm/inbox.h"
#include "plugin/shm/ring.h"
#include "plugin/shm/segment.h"
#include "plugin/transport/frame_queue.h"

namespace ithaca {

class ShmSender {
 public:
  // `channel` and `bell` (the reader's) outlive this.
  ShmSender(const Channel& channel, Bell* bell)
      : head_(channel.head), bell_(bell), ring_(channel) {}

  // Queues a frame.
  void Send(const Frame& frame, const void* payload);

  // Moves what there is room for, within bounds. True when more can be moved
  // at once; else the reader rings when there is room.
  bool Pump();

  // Afterwards no payload of message `seq` is read.
  void Forget(uint32_t seq);

  // Hands over what the ring takes, unless in error, and says that no more
  // comes. Afterwards no payload is read. May be called again.
  void Close();

  // DATA_LOSS once the reader's side of the channel made no sense.
  const Status& error() const { return ring_.error(); }
  uint64_t queued_bytes() const { return queued_bytes_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  bool MoveSome();
  void MoveNext(uint32_t room);
  // Bytes of payload that the next record had better carry.
  uint32_t Wanted();

  ChannelHead* const head_;
  Bell* const bell_;
  RingWriter ring_;
  FrameQueue queue_;
  bool bell_due_ = false;
  bool closed_ = false;
  uint64_t queued_bytes_ = 0;
  uint64_t bytes_sent_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_SENDER_H_
