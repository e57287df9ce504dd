// A group as a member knows it: what each event makes of it.
//
// Used by Membership. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLIENTS_CC_GROUP_VIEW_H_
#define ITHACA_DAEMON_CLIENTS_CC_GROUP_VIEW_H_

#include <vector>

#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::client {

// Changes the group as the event says. Events that it has already, and those
// without a number, change nothing.
void ApplyEvent(const groups::v1::GroupEvent& event, groups::v1::Group* group);

// Lives that the message's group no longer has, and of whose end none of its
// events tells.
std::vector<groups::v1::GroupEvent> LossesBetween(
    const groups::v1::Group& before,
    const groups::v1::JoinGroupResponse& message);

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_GROUP_VIEW_H_
