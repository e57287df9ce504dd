// Keys of what groups have in the store; the layout is documented in
// proto/ithaca/groups/v1/storage.proto.
//
// Used by records. Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_RECORD_KEYS_H_
#define ITHACA_DAEMON_GROUPS_RECORD_KEYS_H_

#include <cstdint>
#include <string>

namespace ithaca::groups {

// The key whose mod_revision proves that nobody else wrote in between.
inline constexpr char kCountersKey[] = "groups/counters";
// Below it lies "<group>/<what>".
inline constexpr char kGroupsPrefix[] = "groups/g/";

// Key of a plan's bytes.
std::string PlanKey(const std::string& plan_hash);

std::string GroupPrefix(const std::string& id);
std::string RecordKey(const std::string& id);
std::string SeatingKey(const std::string& id);
std::string MemberPrefix(const std::string& id);
std::string MemberKey(const std::string& id, uint64_t incarnation);
std::string BlobPrefix(const std::string& id);
std::string BarrierPrefix(const std::string& id);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_RECORD_KEYS_H_
