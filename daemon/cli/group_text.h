// Groups as text for people.
//
// Used by the group commands. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLI_GROUP_TEXT_H_
#define ITHACA_DAEMON_CLI_GROUP_TEXT_H_

#include <string>
#include <vector>

#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::cli {

// One row per group.
std::string GroupTable(const std::vector<groups::v1::Group>& groups);

// A few lines on the group, then one row per member and spare, then the
// sub-groups if it has them.
std::string GroupDetails(const groups::v1::Group& group);

// One line.
std::string EventLine(const groups::v1::GroupEvent& event);

// What is waited for, and what was decided.
std::string ExplanationText(const groups::v1::ExplainGroupResponse& answer);

// What another plan changes; `dry`: would change.
std::string ReplanText(const groups::v1::ReplanGroupResponse& answer, bool dry);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_GROUP_TEXT_H_
