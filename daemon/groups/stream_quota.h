// How many streams there may be: of a user, of watchers in all and of one
// group.
//
// Used by GroupsService. Threads: confined to the caller's.
#ifndef ITHACA_DAEMON_GROUPS_STREAM_QUOTA_H_
#define ITHACA_DAEMON_GROUPS_STREAM_QUOTA_H_

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

class StreamQuota {
 public:
  explicit StreamQuota(const Limits& limits) : limits_(limits) {}

  // Counts a stream until Leave; LIMIT_EXCEEDED, and nothing is counted, when
  // it is one too many. Administrators are not bounded as users.
  std::optional<Refusal> Enter(StreamId id, const Caller& caller,
                               const std::string& group_id, bool watcher);
  // Nothing for a stream that is not counted.
  void Leave(StreamId id);

 private:
  struct Entry {
    // Of its node: another node's users are others.
    std::pair<std::string, uint32_t> user;
    std::string group_id;
    bool watcher = false;
  };

  const Limits limits_;
  std::unordered_map<StreamId, Entry> entries_;
  std::map<std::pair<std::string, uint32_t>, size_t> of_user_;
  std::unordered_map<std::string, size_t> watchers_of_group_;
  size_t watchers_ = 0;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_STREAM_QUOTA_H_
