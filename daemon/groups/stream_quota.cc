#include "daemon/groups/stream_quota.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

Refusal TooMany(const std::string& who, size_t has, const std::string& what,
                const std::string& next_step) {
  return Refusal{
      absl::StatusCode::kResourceExhausted,
      "LIMIT_EXCEEDED",
      absl::StrCat(who, " has ", has, " open ", what, ", all it may"),
      next_step,
      {}};
}

template <typename Map, typename Key>
void CountDown(Map* counts, const Key& key) {
  const auto found = counts->find(key);
  if (--found->second == 0) counts->erase(found);
}

}  // namespace

std::optional<Refusal> StreamQuota::Enter(StreamId id, const Caller& caller,
                                          const std::string& group_id,
                                          bool watcher) {
  Entry entry{{caller.node, caller.uid}, group_id, watcher};
  const auto own = of_user_.find(entry.user);
  const size_t streams = own == of_user_.end() ? 0 : own->second;
  if (!caller.admin && streams >= limits_.max_streams_per_user) {
    return TooMany(absl::StrCat("user ", caller.uid), streams, "streams",
                   "end JoinGroup or WatchGroup calls that nobody needs");
  }
  if (watcher) {
    if (watchers_ >= limits_.max_watchers) {
      return TooMany("the daemon", watchers_, "watches",
                     "watch less, or call GetGroup now and then");
    }
    const auto group = watchers_of_group_.find(group_id);
    if (group != watchers_of_group_.end() &&
        group->second >= limits_.max_watchers_per_group) {
      return TooMany(absl::StrCat("group ", group_id), group->second, "watches",
                     "let one process watch for several");
    }
    ++watchers_;
    ++watchers_of_group_[group_id];
  }
  ++of_user_[entry.user];
  entries_[id] = std::move(entry);
  return std::nullopt;
}

void StreamQuota::Leave(StreamId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  CountDown(&of_user_, entry.user);
  if (entry.watcher) {
    --watchers_;
    CountDown(&watchers_of_group_, entry.group_id);
  }
  entries_.erase(found);
}

}  // namespace ithaca::groups
