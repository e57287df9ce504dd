// Who has something for an engine: one page per engine in which its peers set
// the bit of their lane, so that looking costs what is active, not what exists.
//
// Layout, native byte order:
//
//   offset  size  what
//        0    16  id of the inbox, random
//       64     8  bit w: word w may have bits
//       72   512  64 words; bit b of word w: slot 64 w + b has news
//
// A peer sets the bit in the word first and then the one above; the owner
// clears them in the other order and then looks at the lanes. All sequentially
// consistent: news written before the bit is seen by whoever takes the bit.
// A peer that clears the bits of others delays them and no more: the backend
// also looks at each lane now and then.
#ifndef ITHACA_PLUGIN_SHM_INBOX_H_
#define ITHACA_PLUGIN_SHM_INBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/shm/segment.h"
#include "plugin/shm/shared_memory.h"

namespace ithaca {

inline constexpr uint32_t kShmSlots = 4096;

// An engine's own. Confined to the engine's lock.
class Inbox {
 public:
  static StatusOr<std::unique_ptr<Inbox>> Create();

  const ShmId& id() const { return id_; }
  int fd() const { return memory_.fd(); }

  // A slot for a lane, or -1 when all kShmSlots are taken.
  int TakeSlot();
  void FreeSlot(int slot) { free_.push_back(slot); }

  // Calls `news(slot)` once for each bit that is set, and clears it.
  template <typename Function>
  void Collect(Function news);

 private:
  friend class PeerInbox;
  struct Page {
    ShmId id;
    alignas(kShmLine) std::atomic<uint64_t> summary;
    std::atomic<uint64_t> words[kShmSlots / 64];
  };
  static constexpr size_t kBytes = 4096;
  static_assert(offsetof(Page, words) == 72 && sizeof(Page) <= kBytes);

  Inbox() = default;

  SharedMemory memory_;
  Page* page_ = nullptr;
  ShmId id_{};
  std::vector<int> free_;
  int next_ = 0;
};

// A peer's inbox, mapped once for all lanes to that engine.
class PeerInbox {
 public:
  // Errors as Segment::Open.
  static StatusOr<std::shared_ptr<PeerInbox>> Open(int32_t pid, int32_t fd,
                                                   const ShmId& id);
  // REQUIRES: slot < kShmSlots.
  void Ring(uint32_t slot);

 private:
  PeerInbox() = default;
  SharedMemory memory_;
  Inbox::Page* page_ = nullptr;
};

// Wakes the peer of one lane.
class Bell {
 public:
  // `slot`: where the peer says 1 + its slot, 0 before it has one.
  Bell(std::shared_ptr<PeerInbox> inbox, const std::atomic<uint32_t>* slot)
      : inbox_(std::move(inbox)), slot_(slot) {}
  // A peer that has no slot yet looks of its own accord when it has.
  void Ring();

 private:
  // Shared by all lanes to that engine.
  std::shared_ptr<PeerInbox> inbox_;
  const std::atomic<uint32_t>* const slot_;
};

template <typename Function>
void Inbox::Collect(Function news) {
  if (page_->summary.load(std::memory_order_relaxed) == 0) return;
  uint64_t words = page_->summary.exchange(0, std::memory_order_seq_cst);
  for (; words != 0; words &= words - 1) {
    const int w = __builtin_ctzll(words);
    uint64_t bits = page_->words[w].exchange(0, std::memory_order_seq_cst);
    for (; bits != 0; bits &= bits - 1) news(64 * w + __builtin_ctzll(bits));
  }
}

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_INBOX_H_
