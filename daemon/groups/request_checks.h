// Bounds of what callers send, as the API gives them.
//
// Used by GroupMachine. Threads: pure functions. Each gives the refusal, or
// nothing: fine.
#ifndef ITHACA_DAEMON_GROUPS_REQUEST_CHECKS_H_
#define ITHACA_DAEMON_GROUPS_REQUEST_CHECKS_H_

#include <optional>
#include <string>

#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

std::optional<Refusal> CheckGroupId(const std::string& group_id);
// `field` is for the message. 1 to 128 printable ASCII characters without
// space.
std::optional<Refusal> CheckName(const std::string& field,
                                 const std::string& name);
// That `value` has `least` to `most` bytes.
std::optional<Refusal> CheckBytes(const std::string& field,
                                  const std::string& value, size_t least,
                                  size_t most);
std::optional<Refusal> CheckWait(Millis wait_ms, const Limits& limits);
std::optional<Refusal> CheckCreate(const CreateCommand& command,
                                   const Limits& limits);
std::optional<Refusal> CheckJoin(const JoinCommand& command,
                                 const Limits& limits);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_REQUEST_CHECKS_H_
