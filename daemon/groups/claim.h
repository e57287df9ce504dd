// An engine's claim of the store: from it on, no engine that claimed before can
// write.
//
// A claim is a write of the counters' record, which carries the claim's name,
// and every later write of the engine compares that record's revision. It comes
// before the groups are read: an older engine's writes that are not in what was
// read have failed, also those that were still on their way.
//
// The claim also raises the counters to the time, so that a store that was put
// back from an old backup gives out no number twice: 2^20 a millisecond are
// more than it can give out. Only a wall clock that is set back together with
// the store can make them repeat.
//
// Used by GroupEngine. Threads: the caller's.
#ifndef ITHACA_DAEMON_GROUPS_CLAIM_H_
#define ITHACA_DAEMON_GROUPS_CLAIM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/store/store.h"

namespace ithaca::groups {

struct ClaimRequest {
  // Of this engine, and of no other one ever.
  std::string name;
  // It had the store: claim it only if nobody claimed it since.
  bool again = false;
  // What else must hold, for instance that this daemon is the coordinator.
  std::vector<store::Compare> holds;
  // Milliseconds since 1970; 0: do not raise the counters.
  int64_t wall_unix_ms = 0;
};

// A name for ClaimRequest.
std::string NewClaimName();

// The counters' revision. ABORTED when another engine has the store, or what
// must hold does not; DATA_LOSS for counters that cannot be read; else as the
// store.
absl::StatusOr<int64_t> ClaimStore(store::Store& store,
                                   const ClaimRequest& request);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_CLAIM_H_
