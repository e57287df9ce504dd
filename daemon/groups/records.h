// Groups in the store: what is written for each dirty part, and how a machine
// is built from what is there. The layout is documented in
// proto/ithaca/groups/v1/storage.proto.
//
// Used by GroupEngine. Threads: pure functions but for the store.
#ifndef ITHACA_DAEMON_GROUPS_RECORDS_H_
#define ITHACA_DAEMON_GROUPS_RECORDS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/groups/group_machine.h"
#include "daemon/groups/types.h"
#include "daemon/store/store.h"

namespace ithaca::groups {

// DATA_LOSS, with the key and what to do.
absl::Status DamagedRecord(const std::string& key, const std::string& what);

// The operations that make the store equal to the machine in its dirty parts.
// REQUIRES: at most as much is dirty as one command adds to what is not full().
std::vector<store::Op> EncodeDirty(const Effects& effects,
                                   const GroupMachine& machine);

// The counters as they are in the store.
struct StoredCounters {
  Counters counters;
  // 0: they were never written.
  int64_t revision = 0;
};
// DATA_LOSS for what cannot be read; else as the store.
absl::StatusOr<StoredCounters> ReadCounters(store::Store& store);
store::Op EncodeCounters(const Counters& counters);

struct LoadedGroups {
  std::unique_ptr<GroupMachine> machine;
  // 0: the counters were never written.
  int64_t counters_revision = 0;
};

// Builds the machine, everyone detached. DATA_LOSS, with the key, for a record
// that cannot be read or contradicts another one; else as the store.
absl::StatusOr<LoadedGroups> LoadGroups(store::Store& store,
                                        const Limits& limits, Millis now);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_RECORDS_H_
