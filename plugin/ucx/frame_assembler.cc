#include "plugin/ucx/frame_assembler.h"

#include <algorithm>
#include <cstring>

namespace ithaca {

Status FrameAssembler::Begin(const ChunkHead& head, void** target) {
  *target = nullptr;
  bytes_received_ += kFrameBytes;
  if (head.frame.payload_bytes == 0) return Status();
  return sink_->OnFrameHead(lane_, head.frame, target);
}

Status FrameAssembler::OnChunk(const ChunkHead& head, const void* data,
                               size_t bytes) {
  for (HalfFrame& half : half_)
    if (half.number == head.number) return Continue(&half, head, data, bytes);

  void* target;
  ITHACA_RETURN_IF_ERROR(Begin(head, &target));
  if (bytes == head.frame.payload_bytes) {
    if (target != nullptr && bytes > 0) memcpy(target, data, bytes);
    bytes_received_ += bytes;
    return sink_->OnFrame(lane_, head.frame);
  }
  if (half_.size() >= kMaxHalfFrames)
    return Errorf(Code::kDataLoss, "the peer left %zu frames half sent",
                  half_.size());
  half_.push_back({head.number, head.frame, static_cast<uint8_t*>(target), 0});
  return Continue(&half_.back(), head, data, bytes);
}

Status FrameAssembler::Continue(HalfFrame* half, const ChunkHead& head,
                                const void* data, size_t bytes) {
  const Frame frame = half->frame;
  if (head.frame.payload_bytes != frame.payload_bytes ||
      head.frame.seq != frame.seq || bytes == 0 ||
      bytes > frame.payload_bytes - half->received)
    return Errorf(Code::kDataLoss,
                  "chunk of frame %u contradicts an earlier one (message %u)",
                  head.number, frame.seq);
  if (half->target != nullptr) memcpy(half->target + head.offset, data, bytes);
  half->received += bytes;
  bytes_received_ += bytes;
  if (half->received < frame.payload_bytes) return Status();
  half_.erase(half_.begin() + (half - half_.data()));
  return sink_->OnFrame(lane_, frame);
}

void FrameAssembler::OnAbort(uint32_t number) {
  half_.erase(
      std::remove_if(half_.begin(), half_.end(),
                     [=](const HalfFrame& h) { return h.number == number; }),
      half_.end());
}

void FrameAssembler::Forget(uint32_t seq) {
  for (HalfFrame& half : half_)
    if (half.frame.seq == seq) half.target = nullptr;
}

}  // namespace ithaca
