#include "plugin/transport/frame_queue.h"

#include <utility>

namespace ithaca {

void FrameQueue::Push(const QueuedFrame& frame) {
  if (count_ == ring_.size()) {
    std::vector<QueuedFrame> larger(2 * ring_.size());
    for (size_t i = 0; i < count_; ++i) larger[i] = At(i);
    ring_ = std::move(larger);
    head_ = 0;
  }
  At(count_++) = frame;
}

void FrameQueue::Pop() {
  head_ = (head_ + 1) & (ring_.size() - 1);
  --count_;
}

uint64_t FrameQueue::Forget(uint32_t seq) {
  uint64_t dropped = 0;
  size_t kept = 0;
  for (size_t i = 0; i < count_; ++i) {
    QueuedFrame frame = At(i);
    const bool hit = frame.frame.seq == seq && frame.frame.payload_bytes > 0 &&
                     !frame.aborted;
    if (hit) {
      dropped += frame.frame.payload_bytes - frame.handed_over;
      if (!frame.begun) {
        dropped += kFrameBytes;
        continue;
      }
      frame.aborted = true;
      frame.payload = nullptr;
    }
    At(kept++) = frame;
  }
  count_ = kept;
  return dropped;
}

}  // namespace ithaca
