#include "plugin/nodepage/ledger_slot.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "plugin/core/clock.h"
#include "plugin/nodepage/process_id.h"

namespace ithaca::nodepage {
namespace {

constexpr int kLooks = 4;
// Whoever wrote this lately is alive.
constexpr int64_t kQuietNs = kNsPerSecond;
// Of an owner among other process ids nothing can be known but this.
constexpr int64_t kStrangerNs = 60 * kNsPerSecond;

// Differences of times of which one may be anything.
int64_t Age(int64_t now_ns, uint64_t written_ns) {
  return static_cast<int64_t>(static_cast<uint64_t>(now_ns) - written_ns);
}

// Times from the future are of before the machine started anew.
bool IsOlder(int64_t age_ns, int64_t limit_ns) {
  return age_ns > limit_ns || age_ns < -limit_ns;
}

bool IsStale(const Slot& slot, uint64_t owner, int64_t now_ns) {
  const int64_t age_ns = Age(now_ns, slot.written_ns.load());
  if (!IsOlder(age_ns, kQuietNs)) return false;
  const uint64_t space = slot.process_namespace.load();
  if (space == 0 || space == ProcessNamespace()) return !IsAlive(owner);
  return IsOlder(age_ns, kStrangerNs);
}

void RaiseUsed(PageWords* page, uint32_t used) {
  uint32_t known = page->used_slots.load();
  while (known < used && !page->used_slots.compare_exchange_weak(known, used)) {
  }
}

// Loads acquire, so that the look at the sequence after them comes after them.
RailUse ReadRail(const RailWords& words) {
  const auto get = [](const Word& word) {
    return word.load(std::memory_order_acquire);
  };
  RailUse use;
  use.key = {get(words.network), get(words.interface)};
  use.window = get(words.window);
  use.outstanding = get(words.outstanding);
  use.arrived = get(words.arrived);
  use.active = get(words.active) != 0;
  return use;
}

// Stores release, so that the odd sequence before them is seen before them.
void WriteRail(const RailUse& use, RailWords* words) {
  const auto put = [](Word* word, uint64_t value) {
    word->store(value, std::memory_order_release);
  };
  put(&words->network, use.key.network);
  put(&words->interface, use.key.interface);
  put(&words->window, use.window);
  put(&words->outstanding, use.outstanding);
  put(&words->arrived, use.arrived);
  put(&words->active, use.active);
}

}  // namespace

int UsedSlots(const PageWords& page) {
  return std::clamp<uint32_t>(page.used_slots.load(std::memory_order_relaxed),
                              1, kLedgerSlots);
}

bool ReadSlot(const Slot& slot, SlotUse* use) {
  for (int look = 0; look < kLooks; ++look) {
    use->owner = slot.owner.load(std::memory_order_acquire);
    const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if (use->owner == 0 || sequence == 0) return false;
    if (sequence % 2 != 0) continue;
    use->written_ns = slot.written_ns.load(std::memory_order_acquire);
    use->rails = std::min<uint64_t>(slot.rails.load(std::memory_order_acquire),
                                    kRailsPerSlot);
    for (int i = 0; i < use->rails; ++i) use->rail[i] = ReadRail(slot.rail[i]);
    if (slot.sequence.load(std::memory_order_relaxed) == sequence) return true;
  }
  return false;
}

void ReadOthers(const PageWords& page, int own, std::vector<SlotUse>* uses) {
  uses->clear();
  for (int i = 0; i < UsedSlots(page); ++i) {
    if (i == own || page.slot[i].owner.load(std::memory_order_relaxed) == 0)
      continue;
    uses->emplace_back();
    uses->back().index = i;
    if (!ReadSlot(page.slot[i], &uses->back())) uses->pop_back();
  }
}

std::unique_ptr<LedgerSlot> LedgerSlot::Claim(std::shared_ptr<NodePage> page,
                                              int64_t now_ns) {
  const uint64_t self = ProcessWord(getpid());
  if (self == 0) return nullptr;
  PageWords& words = page->words();
  for (int i = 0; i < kLedgerSlots; ++i) {
    Slot& slot = words.slot[i];
    uint64_t owner = slot.owner.load();
    if (owner == self || (owner != 0 && !IsStale(slot, owner, now_ns)))
      continue;
    if (!slot.owner.compare_exchange_strong(owner, self)) continue;
    slot.process_namespace.store(ProcessNamespace());
    RaiseUsed(&words, i + 1);
    std::unique_ptr<LedgerSlot> claimed(
        new LedgerSlot(std::move(page), i, self));
    claimed->Write(now_ns, nullptr, 0);
    return claimed;
  }
  return nullptr;
}

LedgerSlot::~LedgerSlot() {
  if (!owned() || ProcessWord(getpid()) != owner_) return;
  Write(0, nullptr, 0);
  uint64_t self = owner_;
  slot().owner.compare_exchange_strong(self, 0);
}

bool LedgerSlot::owned() const {
  return slot().owner.load(std::memory_order_relaxed) == owner_;
}

void LedgerSlot::Write(int64_t now_ns, const RailUse* rails, int count) {
  Slot& own = slot();
  // Odd, whatever a former owner left.
  const uint64_t odd = own.sequence.load(std::memory_order_relaxed) | 1;
  own.sequence.store(odd, std::memory_order_relaxed);
  own.written_ns.store(now_ns, std::memory_order_release);
  own.rails.store(count, std::memory_order_release);
  for (int i = 0; i < count; ++i) WriteRail(rails[i], &own.rail[i]);
  own.sequence.store(odd + 1, std::memory_order_release);
}

void LedgerSlot::ReclaimOther(int index, int64_t now_ns) {
  Slot& other = page_->words().slot[index];
  uint64_t owner = other.owner.load();
  if (owner == 0 || owner == owner_ || !IsStale(other, owner, now_ns)) return;
  other.owner.compare_exchange_strong(owner, 0);
}

}  // namespace ithaca::nodepage
