// Rank 0's side of joining: accepts connections until every rank is there.
//
// Used by Bootstrap alone. A connection must say a valid Hello soon, or it is
// dropped; any number of strays may come and go meanwhile. One thread.
#ifndef ITHACA_PLUGIN_DRIVER_BOOTSTRAP_ACCEPT_H_
#define ITHACA_PLUGIN_DRIVER_BOOTSTRAP_ACCEPT_H_

#include <cstdint>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/bootstrap_wire.h"
#include "plugin/driver/tcp.h"

namespace ithaca::driver {

struct AcceptedRanks {
  std::vector<Fd> peers;  // by rank; [0] is empty
  int strays = 0;         // connections that were turned away
};

// Waits for ranks 1..ranks-1. Error: kDeadlineExceeded naming the missing ones,
// and how many strays were turned away and why the last one was.
StatusOr<AcceptedRanks> AcceptRanks(int listener, int ranks, uint64_t token,
                                    const Clock& clock,
                                    const Deadline& deadline);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_BOOTSTRAP_ACCEPT_H_
