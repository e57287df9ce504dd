// How a rail's window is shared among the engines that receive over its NIC.
//
// Each takes an equal part of the window that one alone would have: then the
// sum fits into the queue before the NIC. The part of one with nothing to
// receive goes to the others. The window follows the speed of the NIC, of which
// an engine beside others measures only its part: what arrived at all of them
// together, at its best lately, is the NIC's.
//
// Used by CreditLedger, one per rail. Pure: no I/O, no clock; confined to the
// thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_NODEPAGE_RAIL_SHARE_H_
#define ITHACA_PLUGIN_NODEPAGE_RAIL_SHARE_H_

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "plugin/nodepage/layout.h"

namespace ithaca::nodepage {

// A NIC port: an index alone may mean another one in each network namespace.
struct RailKey {
  uint64_t network = 0;  // inode of the namespace; 0 = no rail that is shared
  uint64_t interface = 0;
  bool operator==(const RailKey& other) const {
    return network == other.network && interface == other.interface;
  }
};

// What an engine says of one rail; RailWords has the units.
struct RailUse {
  RailKey key;
  uint64_t window = 0;
  uint64_t outstanding = 0;
  uint64_t arrived = 0;
  bool active = false;
};

// A slot, read.
struct SlotUse {
  int index = 0;
  uint64_t owner = 0;
  uint64_t written_ns = 0;
  int rails = 0;
  std::array<RailUse, kRailsPerSlot> rail;
};

struct Share {
  int engines = 1;              // active on the NIC, this one counted
  double bytes_per_second = 0;  // of the NIC; 0 = unknown
};

// An engine that said nothing for longer is not counted: it is idle and not
// polled, stopped, or gone. One that waits for a processor is.
inline constexpr int64_t kLatelyNs = 10'000'000;

class RailShare {
 public:
  // `own` is this engine's use of the rail now, `others` all readable slots
  // but its own.
  Share Update(int64_t now_ns, const RailUse& own,
               const std::vector<SlotUse>& others);

 private:
  // How far an engine was when the sample began.
  struct Mark {
    uint64_t owner;
    uint64_t written_ns;
    uint64_t arrived;
  };

  double Rate(int slot, const Mark& now) const;
  void Sample(int64_t now_ns, const RailUse& own,
              const std::vector<SlotUse>& others);

  int64_t sampled_ns_ = 0;
  double best_ = 0;                      // bytes per second
  std::unordered_map<int, Mark> marks_;  // by slot; kOwn is this engine's
};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_RAIL_SHARE_H_
