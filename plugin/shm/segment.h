// The memory of one lane: a channel each way, of fixed size.
//
// Layout, native byte order (both ends are on one host):
//
//   offset   size  what
//        0     16  id of the segment, random
//       64      4  1 + the inviter's slot in its inbox; 0 = not yet
//       68      4  1 + the joiner's slot
//      128    256  head of the channel joiner -> inviter (ChannelHead)
//      384    256  head of the channel inviter -> joiner
//     4096  256 K  ring joiner -> inviter, who receives the messages
//   266240   16 K  ring inviter -> joiner: grants and acknowledgements
//
// A channel has one writer and one reader. Whatever a field says may change
// while it is read, and be anything: it is copied out, then checked.
// Version rule: shm_address.h. Used by shm_lane and shm_backend.
#ifndef ITHACA_PLUGIN_SHM_SEGMENT_H_
#define ITHACA_PLUGIN_SHM_SEGMENT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "plugin/core/status.h"
#include "plugin/shm/shared_memory.h"

namespace ithaca {

inline constexpr size_t kShmLine = 64;  // bytes that travel between caches

using ShmId = std::array<uint8_t, 16>;

// Random; all zero when the kernel has no randomness (then nothing matches).
ShmId RandomShmId();

struct ChannelHead {
  // Bytes ever written to the ring; multiples of kShmLine. The writer's.
  alignas(kShmLine) std::atomic<uint64_t> written;
  // Bytes of these that the reader is done with. The reader's.
  alignas(kShmLine) std::atomic<uint64_t> read;
  // The writer waits for room, until `read` is this; 0: it does not. Whoever
  // reads that far clears it and rings the writer's bell.
  alignas(kShmLine) std::atomic<uint64_t> wake_at;
  // The writer left: nothing comes after what is written.
  alignas(kShmLine) std::atomic<uint32_t> closed;
};
static_assert(sizeof(ChannelHead) == 256);
static_assert(offsetof(ChannelHead, closed) == 192);
static_assert(std::atomic<uint64_t>::is_always_lock_free &&
              std::atomic<uint32_t>::is_always_lock_free);

// One direction, as both ends see it.
struct Channel {
  ChannelHead* head;
  uint8_t* ring;
  uint32_t ring_bytes;  // a power of two
};

class Segment {
 public:
  static constexpr uint32_t kMessageRingBytes = 256 << 10;
  static constexpr uint32_t kControlRingBytes = 16 << 10;
  static constexpr size_t kBytes = 4096 + kMessageRingBytes + kControlRingBytes;

  static StatusOr<Segment> Create();
  // Errors as SharedMemory::Open; DATA_LOSS when it has another id.
  static StatusOr<Segment> Open(int32_t pid, int32_t fd, const ShmId& id);

  const ShmId& id() const { return id_; }
  int fd() const { return memory_.fd(); }
  void CloseFd() { memory_.CloseFd(); }

  std::atomic<uint32_t>& inviter_slot() const;
  std::atomic<uint32_t>& joiner_slot() const;
  Channel to_inviter() const;
  Channel to_joiner() const;
  uint8_t* data() const { return memory_.data(); }

 private:
  struct Head;
  Head* head() const;

  SharedMemory memory_;
  ShmId id_{};
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SEGMENT_H_
