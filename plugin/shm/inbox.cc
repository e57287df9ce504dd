#include "plugin/shm/inbox.h"

#include <utility>

namespace ithaca {

StatusOr<std::unique_ptr<Inbox>> Inbox::Create() {
  StatusOr<SharedMemory> memory = SharedMemory::Create(kBytes);
  if (!memory.ok()) return memory.status();
  std::unique_ptr<Inbox> inbox(new Inbox);
  inbox->memory_ = std::move(memory).value();
  inbox->page_ = reinterpret_cast<Page*>(inbox->memory_.data());
  inbox->id_ = RandomShmId();
  inbox->page_->id = inbox->id_;
  return inbox;
}

int Inbox::TakeSlot() {
  if (free_.empty()) return next_ < static_cast<int>(kShmSlots) ? next_++ : -1;
  const int slot = free_.back();
  free_.pop_back();
  return slot;
}

StatusOr<std::shared_ptr<PeerInbox>> PeerInbox::Open(int32_t pid, int32_t fd,
                                                     const ShmId& id) {
  StatusOr<SharedMemory> memory = SharedMemory::Open(pid, fd, Inbox::kBytes);
  if (!memory.ok()) return memory.status();
  std::shared_ptr<PeerInbox> inbox(new PeerInbox);
  inbox->memory_ = std::move(memory).value();
  inbox->page_ = reinterpret_cast<Inbox::Page*>(inbox->memory_.data());
  if (id == ShmId{} || inbox->page_->id != id)
    return Status(Code::kDataLoss,
                  "shared memory is not the peer's; do both ends see the same "
                  "process ids?");
  return inbox;
}

void PeerInbox::Ring(uint32_t slot) {
  const uint64_t bit = uint64_t{1} << slot % 64;
  const uint64_t before =
      page_->words[slot / 64].fetch_or(bit, std::memory_order_seq_cst);
  if ((before & bit) == 0)
    page_->summary.fetch_or(uint64_t{1} << slot / 64,
                            std::memory_order_seq_cst);
}

void Bell::Ring() {
  const uint32_t slot = slot_->load(std::memory_order_seq_cst);
  if (slot >= 1 && slot <= kShmSlots) inbox_->Ring(slot - 1);
}

}  // namespace ithaca
