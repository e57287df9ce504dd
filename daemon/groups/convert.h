// The groups' values as messages of ithaca.groups.v1.
//
// Used by GroupsService. Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_CONVERT_H_
#define ITHACA_DAEMON_GROUPS_CONVERT_H_

#include "daemon/groups/group.h"
#include "daemon/groups/types.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

// Without members, free slots and blob names, as ListGroups gives it.
v1::Group ToSummary(const Group& group);
// All but the plan and the sub-groups.
v1::Group ToMessage(const Group& group);
v1::Member ToMessage(const Member& member);
v1::GroupEvent ToMessage(const Event& event);

v1::Committed ToMessage(const Committed& committed);
// What the member has from now on.
v1::Joined JoinedOf(const Group& group, const Member& member);

// How the machine's clock and the wall's stand, to tell people when.
struct Clocks {
  Millis now = 0;
  int64_t wall_unix_ms = 0;
};
v1::Decision ToMessage(const Decision& decision, const Clocks& clocks);
v1::Waiting ToMessage(const Waiting& waiting, const Clocks& clocks);

Fence FromMessage(const v1::Fence& fence);
JoinCommand FromMessage(const v1::JoinGroupRequest& request);
OnLoss FromMessage(v1::OnLoss on_loss);
ReplanCommand FromMessage(const v1::ReplanGroupRequest& request);

// Milliseconds, rounded down; the largest number for what does not fit, so that
// a bound check finds it.
Millis ToMillis(const google::protobuf::Duration& duration);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_CONVERT_H_
