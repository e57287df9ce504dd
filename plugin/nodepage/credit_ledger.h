// The per-NIC credit ledger: what an engine may grant beside the other engines
// of this node.
//
// Each engine writes to its slot of the node page what it does on its rails,
// reads the others' slots, and so learns its share. Used by plugin/net's
// engine, once per tick; confined to the thread that holds its lock. No system
// call but a look at a silent slot's owner, at most once a second.
#ifndef ITHACA_PLUGIN_NODEPAGE_CREDIT_LEDGER_H_
#define ITHACA_PLUGIN_NODEPAGE_CREDIT_LEDGER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/nodepage/ledger_slot.h"
#include "plugin/nodepage/page.h"
#include "plugin/nodepage/rail_share.h"

namespace ithaca::nodepage {

// The key of interface `name` in the network namespace of this thread; one that
// is not shared when there is no such interface.
RailKey RailKeyOf(const std::string& name);

class CreditLedger {
 public:
  // `rails`: what the engine calls rail 0, 1, ... Those without a key, and
  // those beyond kRailsPerSlot, are the engine's alone.
  CreditLedger(std::shared_ptr<NodePage> page, std::vector<RailKey> rails,
               int64_t now_ns);

  // Tells `uses` (one per rail, keys are filled in here), and returns the
  // shares, one per rail, valid until the next call.
  const std::vector<Share>& Exchange(int64_t now_ns,
                                     std::vector<RailUse>* uses);

 private:
  // Claims a slot, when there is none any more or none was free, and looks
  // after one of another.
  void Tend(int64_t now_ns);

  const std::shared_ptr<NodePage> page_;
  const std::vector<RailKey> rails_;
  std::unique_ptr<LedgerSlot> slot_;
  std::vector<RailShare> rail_shares_;
  std::vector<Share> shares_;
  std::vector<RailUse> told_;
  std::vector<SlotUse> others_;
  int64_t tended_ns_;
  int next_reclaim_ = 0;
};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_CREDIT_LEDGER_H_
