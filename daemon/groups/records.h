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

// The key whose mod_revision proves that nobody else wrote in between.
extern const char kCountersKey[];

// Key of a plan's bytes.
std::string PlanKey(const std::string& plan_hash);

// The operations that make the store equal to the machine in its dirty parts.
// `plans` has the bytes of plans that are not in the store yet, by hash.
// REQUIRES: at most as much is dirty as one command adds to what is not full().
std::vector<store::Op> EncodeDirty(
    const Dirty& dirty, const GroupMachine& machine,
    const std::map<std::string, std::string>& plans);

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
