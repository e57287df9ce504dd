#include "plugin/shm/segment.h"

#include <sys/random.h>

#include <cstring>
#include <utility>

namespace ithaca {

struct Segment::Head {
  ShmId id;
  alignas(kShmLine) std::atomic<uint32_t> inviter_slot;
  std::atomic<uint32_t> joiner_slot;
  ChannelHead to_inviter;
  ChannelHead to_joiner;
};

namespace {

constexpr size_t kRings = 4096;

bool IsZero(const ShmId& id) { return id == ShmId{}; }

}  // namespace

ShmId RandomShmId() {
  ShmId id;
  if (getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
    id = {};
  return id;
}

Segment::Head* Segment::head() const {
  static_assert(offsetof(Head, to_inviter) == 128);
  static_assert(offsetof(Head, to_joiner) == 384);
  static_assert(sizeof(Head) <= kRings);
  return reinterpret_cast<Head*>(memory_.data());
}

StatusOr<Segment> Segment::Create() {
  StatusOr<SharedMemory> memory = SharedMemory::Create(kBytes);
  if (!memory.ok()) return memory.status();
  Segment segment;
  segment.memory_ = std::move(memory).value();
  segment.id_ = RandomShmId();
  segment.head()->id = segment.id_;
  return segment;
}

StatusOr<Segment> Segment::Open(int32_t pid, int32_t fd, const ShmId& id) {
  StatusOr<SharedMemory> memory = SharedMemory::Open(pid, fd, kBytes);
  if (!memory.ok()) return memory.status();
  Segment segment;
  segment.memory_ = std::move(memory).value();
  segment.id_ = id;
  if (IsZero(id) || segment.head()->id != id)
    return Status(Code::kDataLoss,
                  "shared memory is not the peer's; do both ends see the same "
                  "process ids?");
  return segment;
}

std::atomic<uint32_t>& Segment::inviter_slot() const {
  return head()->inviter_slot;
}

std::atomic<uint32_t>& Segment::joiner_slot() const {
  return head()->joiner_slot;
}

Channel Segment::to_inviter() const {
  return {&head()->to_inviter, memory_.data() + kRings, kMessageRingBytes};
}

Channel Segment::to_joiner() const {
  return {&head()->to_joiner, memory_.data() + kRings + kMessageRingBytes,
          kControlRingBytes};
}

}  // namespace ithaca
