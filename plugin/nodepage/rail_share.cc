#include "plugin/nodepage/rail_share.h"

#include <algorithm>
#include <utility>

namespace ithaca::nodepage {
namespace {

constexpr int kOwn = -1;
// Long enough that what a queue on the way had stored does not pass for speed,
// and that engines need not write at the same moment.
constexpr int64_t kSampleNs = 40'000'000;
// Per sample: a NIC that became slower is known after some hundreds.
constexpr double kDecay = 0.996;
// No NIC is faster; whatever says so was not written by us.
constexpr double kMostRate = 1e12;

bool IsCounted(int64_t now_ns, const SlotUse& slot) {
  const auto age_ns =
      static_cast<int64_t>(static_cast<uint64_t>(now_ns) - slot.written_ns);
  return age_ns <= kLatelyNs && age_ns >= -kLatelyNs;
}

const RailUse* Find(const SlotUse& slot, const RailKey& key) {
  const auto end = slot.rail.begin() + slot.rails;
  const auto found =
      std::find_if(slot.rail.begin(), end,
                   [&](const RailUse& use) { return use.key == key; });
  return found == end ? nullptr : &*found;
}

}  // namespace

Share RailShare::Update(int64_t now_ns, const RailUse& own,
                        const std::vector<SlotUse>& others) {
  Share share;
  for (const SlotUse& slot : others) {
    const RailUse* const use = Find(slot, own.key);
    if (use != nullptr && use->active && IsCounted(now_ns, slot))
      ++share.engines;
  }
  if (now_ns - sampled_ns_ >= kSampleNs) Sample(now_ns, own, others);
  share.bytes_per_second = best_;
  return share;
}

// Each by the times at which it wrote: one that waited for a processor has told
// less, not delivered less.
double RailShare::Rate(int slot, const Mark& now) const {
  const auto mark = marks_.find(slot);
  if (mark == marks_.end() || mark->second.owner != now.owner ||
      now.arrived < mark->second.arrived)
    return 0;
  const auto elapsed_ns =
      static_cast<int64_t>(now.written_ns - mark->second.written_ns);
  if (elapsed_ns < kSampleNs / 2) return 0;
  return (now.arrived - mark->second.arrived) * 1e9 / elapsed_ns;
}

void RailShare::Sample(int64_t now_ns, const RailUse& own,
                       const std::vector<SlotUse>& others) {
  std::unordered_map<int, Mark> marks;
  const Mark self{0, static_cast<uint64_t>(now_ns), own.arrived};
  double sum = Rate(kOwn, self);
  marks.emplace(kOwn, self);
  for (const SlotUse& slot : others) {
    const RailUse* const use = Find(slot, own.key);
    if (use == nullptr) continue;
    const Mark mark{slot.owner, slot.written_ns, use->arrived};
    sum += Rate(slot.index, mark);
    marks.emplace(slot.index, mark);
  }
  marks_ = std::move(marks);
  sampled_ns_ = now_ns;
  if (own.active) best_ *= kDecay;
  best_ = std::min(kMostRate, std::max(best_, sum));
}

}  // namespace ithaca::nodepage
