// An engine's slot of the ledger, and what the others' slots say.
//
// Used by CreditLedger. Each slot has one writer, its engine, confined to the
// thread that holds that engine's lock; readers are everybody. A writer that
// ends half-way leaves its sequence odd: readers pass over that slot, and the
// next owner puts it right.
#ifndef ITHACA_PLUGIN_NODEPAGE_LEDGER_SLOT_H_
#define ITHACA_PLUGIN_NODEPAGE_LEDGER_SLOT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/nodepage/layout.h"
#include "plugin/nodepage/page.h"
#include "plugin/nodepage/rail_share.h"

namespace ithaca::nodepage {

// How many slots, from the first one on, may be in use; at least 1.
int UsedSlots(const PageWords& page);

// A consistent copy of `slot`: false when it is free, was never written, or is
// being written for longer than a few looks at it. Values may be anything.
bool ReadSlot(const Slot& slot, SlotUse* use);

// The readable slots but `own`, in `uses`, which keeps its room.
void ReadOthers(const PageWords& page, int own, std::vector<SlotUse>* uses);

class LedgerSlot {
 public:
  // Takes a free slot, or one whose owner is gone. Null when all are taken, or
  // when the process cannot tell who it is (no /proc).
  static std::unique_ptr<LedgerSlot> Claim(std::shared_ptr<NodePage> page,
                                           int64_t now_ns);
  // Frees the slot; in a child made by fork, leaves it to the parent.
  ~LedgerSlot();
  LedgerSlot(const LedgerSlot&) = delete;
  LedgerSlot& operator=(const LedgerSlot&) = delete;

  int index() const { return index_; }
  // False once somebody who could not see this process alive took the slot:
  // it must not be written any more.
  bool owned() const;
  // REQUIRES: count <= kRailsPerSlot.
  void Write(int64_t now_ns, const RailUse* rails, int count);

  // Frees slot `index` when its owner is gone. Costs a system call when that
  // owner has not written for a while, else next to nothing.
  void ReclaimOther(int index, int64_t now_ns);

 private:
  LedgerSlot(std::shared_ptr<NodePage> page, int index, uint64_t owner)
      : page_(std::move(page)), index_(index), owner_(owner) {}
  Slot& slot() const { return page_->words().slot[index_]; }

  const std::shared_ptr<NodePage> page_;
  const int index_;
  const uint64_t owner_;
};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_LEDGER_SLOT_H_
