#include "plugin/nodepage/credit_ledger.h"

#include <net/if.h>

#include <utility>

#include "plugin/core/clock.h"
#include "plugin/nodepage/process_id.h"

namespace ithaca::nodepage {

RailKey RailKeyOf(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return {};
  return {NetworkNamespace(), index};
}

CreditLedger::CreditLedger(std::shared_ptr<NodePage> page,
                           std::vector<RailKey> rails, int64_t now_ns)
    : page_(std::move(page)),
      rails_(std::move(rails)),
      slot_(LedgerSlot::Claim(page_, now_ns)),
      rail_shares_(rails_.size()),
      shares_(rails_.size()),
      tended_ns_(now_ns) {}

const std::vector<Share>& CreditLedger::Exchange(int64_t now_ns,
                                                 std::vector<RailUse>* uses) {
  if (now_ns - tended_ns_ >= kNsPerSecond) Tend(now_ns);
  told_.clear();
  for (size_t i = 0; i < rails_.size(); ++i) {
    (*uses)[i].key = rails_[i];
    if (rails_[i].network != 0 && told_.size() < kRailsPerSlot)
      told_.push_back((*uses)[i]);
  }
  const bool owned = slot_ != nullptr && slot_->owned();
  if (owned) slot_->Write(now_ns, told_.data(), told_.size());
  ReadOthers(page_->words(), owned ? slot_->index() : -1, &others_);
  for (size_t i = 0; i < rails_.size(); ++i)
    if (rails_[i].network != 0)
      shares_[i] = rail_shares_[i].Update(now_ns, (*uses)[i], others_);
  return shares_;
}

void CreditLedger::Tend(int64_t now_ns) {
  tended_ns_ = now_ns;
  if (slot_ == nullptr || !slot_->owned()) {
    slot_.reset();
    slot_ = LedgerSlot::Claim(page_, now_ns);
    return;
  }
  next_reclaim_ = (next_reclaim_ + 1) % UsedSlots(page_->words());
  slot_->ReclaimOther(next_reclaim_, now_ns);
}

}  // namespace ithaca::nodepage
