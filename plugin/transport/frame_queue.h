// Frames that wait for room on a lane, first in first out.
//
// Used by lanes whose network takes a piece at once or not at all. A ring, so
// that a steady flow allocates nothing. Confined to the engine's lock.
#ifndef ITHACA_PLUGIN_TRANSPORT_FRAME_QUEUE_H_
#define ITHACA_PLUGIN_TRANSPORT_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugin/transport/frame.h"

namespace ithaca {

struct QueuedFrame {
  Frame frame;
  const uint8_t* payload = nullptr;
  uint32_t number = 0;
  uint32_t handed_over = 0;  // bytes of the payload
  bool begun = false;        // a chunk of it went out
  bool aborted = false;      // only an abort is left to send
};

class FrameQueue {
 public:
  FrameQueue() : ring_(16) {}

  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  QueuedFrame& front() { return ring_[head_]; }
  void Push(const QueuedFrame& frame);
  void Pop();
  void Clear() { count_ = 0; }

  // Takes payload of message `seq` out: frames not begun go, one that was begun
  // turns into an abort. Returns the bytes (frame heads included) that will not
  // be sent now.
  uint64_t Forget(uint32_t seq);

 private:
  QueuedFrame& At(size_t i) { return ring_[(head_ + i) & (ring_.size() - 1)]; }

  std::vector<QueuedFrame> ring_;  // a power of two
  size_t head_ = 0;
  size_t count_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_FRAME_QUEUE_H_
