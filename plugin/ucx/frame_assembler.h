// Puts the chunks of one lane's frames where they belong and tells the sink.
//
// Used by UcxLane. Knows nothing of UCX, so it is tested without it. Chunks of
// a frame may come in any order, and frames may interleave; UCX delivers each
// once. Confined to the engine's lock. Allocates only while more frames are
// half received than ever before.
#ifndef ITHACA_PLUGIN_UCX_FRAME_ASSEMBLER_H_
#define ITHACA_PLUGIN_UCX_FRAME_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/transport/lane.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

// A peer that leaves more frames half sent than this makes no sense: an honest
// one sends them one after the other.
inline constexpr size_t kMaxHalfFrames = 64;

class FrameAssembler {
 public:
  // `lane` is what the sink is told; both outlive this.
  FrameAssembler(Lane* lane, LaneSink* sink) : lane_(lane), sink_(sink) {}

  // Copies `bytes` from `data` into the frame's target, and completes the frame
  // with its last chunk. REQUIRES: DecodeChunkHead accepted `head` for `bytes`.
  // An error (the sink's, or DATA_LOSS when chunks contradict each other) means
  // that the lane must go down.
  Status OnChunk(const ChunkHead& head, const void* data, size_t bytes);

  // The rest of frame `number` will not come.
  void OnAbort(uint32_t number);

  // Drops what is still to come of message `seq`'s half received frames.
  void Forget(uint32_t seq);

  // Frame heads and payload so far.
  uint64_t bytes_received() const { return bytes_received_; }
  size_t half_frames() const { return half_.size(); }

 private:
  struct HalfFrame {
    uint32_t number;
    Frame frame;
    uint8_t* target;  // null: drop
    uint32_t received;
  };

  Status Begin(const ChunkHead& head, void** target);
  Status Continue(HalfFrame* half, const ChunkHead& head, const void* data,
                  size_t bytes);

  Lane* const lane_;
  LaneSink* const sink_;
  std::vector<HalfFrame> half_;
  uint64_t bytes_received_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_FRAME_ASSEMBLER_H_
