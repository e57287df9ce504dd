// Keeps numbers that were given out once from being given out again by a store
// that was restored from a backup.
//
// Used by `ithacactl store restore`. Threads: any; the stores are nobody else's
// meanwhile.
#ifndef ITHACA_DAEMON_GROUPS_COUNTERS_FLOOR_H_
#define ITHACA_DAEMON_GROUPS_COUNTERS_FLOOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "daemon/store/store.h"

namespace ithaca::groups {

// Makes the epochs and incarnations that `restored` gives out next larger than
// all that it, or `replaced` (may be null), ever gave, and than the time given:
// milliseconds since 1970 times 2^20, which is where they begin. So only a
// store that is lost together with its successor, under a clock that was set
// back, can repeat one. DATA_LOSS when the counters of `restored` cannot be
// read; those of `replaced` are left out then. Else as the store.
absl::Status RaiseCounters(store::Store* restored, store::Store* replaced,
                           int64_t wall_unix_ms);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_COUNTERS_FLOOR_H_
