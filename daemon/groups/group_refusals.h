// What a group says no with: every reason, sentence and next step in one place.
//
// Used by Group alone. Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_REFUSALS_H_
#define ITHACA_DAEMON_GROUPS_GROUP_REFUSALS_H_

#include <cstdint>
#include <string>

#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// `slot` is not one of the group's.
Refusal NoSuchSlot(const GroupRecord& group, uint32_t slot);
Refusal SlotTaken(const GroupRecord& group, const Member& holder);
Refusal GroupFull(const GroupRecord& group);
Refusal MemberIdInUse(const GroupRecord& group, const Member& holder);
Refusal StreamReplaced(const std::string& member_id);
// `epoch` is over.
Refusal StaleEpoch(const GroupRecord& group, uint64_t epoch);
// `epoch` is above the group's.
Refusal UnknownEpoch(const GroupRecord& group, uint64_t epoch);
Refusal NotAMember(const GroupRecord& group, const std::string& member_id);
Refusal StaleIncarnation(const GroupRecord& group, const std::string& member_id,
                         uint64_t incarnation);
// The member is a spare.
Refusal Parked(const GroupRecord& group, const std::string& member_id);
// A later vote, or one for other bytes, is on record.
Refusal RoundIsOver(const GroupRecord& group, const std::string& hash,
                    uint64_t round);
Refusal GroupDeleted(const GroupRecord& group, const std::string& why);
// `text` says what is missing.
Refusal FormationTimeout(const std::string& text);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_REFUSALS_H_
