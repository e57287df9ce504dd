#include "daemon/groups/stream_hub.h"

#include <algorithm>
#include <utility>

#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {

void StreamHub::Add(StreamId id, const std::string& group_id,
                    std::optional<Life> life,
                    std::unique_ptr<EventStream> stream) {
  streams_[id] = Entry{group_id, std::move(life), std::move(stream)};
  by_group_[group_id].push_back(id);
}

void StreamHub::Remove(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto group = by_group_.find(found->second.group_id);
  std::vector<StreamId>& ids = group->second;
  ids.erase(std::find(ids.begin(), ids.end(), id));
  if (ids.empty()) by_group_.erase(group);
  streams_.erase(found);
}

EventStream* StreamHub::Find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.stream.get();
}

std::string StreamHub::GroupOf(StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? "" : found->second.group_id;
}

void StreamHub::Deliver(const std::vector<Effects::Notice>& notices) {
  std::map<std::string, std::vector<EventPtr>> by_group;
  for (const Effects::Notice& notice : notices) {
    by_group[notice.group_id].push_back(notice.event);
  }
  for (const auto& [group_id, events] : by_group) {
    const auto group = by_group_.find(group_id);
    if (group == by_group_.end()) continue;
    const bool over = events.back()->type == EventType::kDeleted;
    for (StreamId id : group->second) {
      Entry& entry = streams_.at(id);
      entry.stream->Push(events);
      if (over && !entry.life.has_value()) entry.stream->End(grpc::Status::OK);
    }
  }
}

void StreamHub::End(const Effects::StreamEnd& end) {
  const auto found = streams_.find(end.stream);
  if (found == streams_.end()) return;
  found->second.life.reset();
  found->second.stream->End(end.why.has_value() ? ToRpcStatus(*end.why)
                                                : grpc::Status::OK);
}

void StreamHub::EndAll(const grpc::Status& status) {
  for (auto& [id, entry] : streams_) entry.stream->End(status);
}

void StreamHub::Reattach(GroupMachine* machine) {
  for (auto& [id, entry] : streams_) {
    if (!entry.life.has_value()) continue;
    const Life& life = *entry.life;
    if (machine->Attach(entry.group_id, life.member_id, life.incarnation, id))
      continue;
    const Refusal gone{absl::StatusCode::kFailedPrecondition,
                       "STALE_INCARNATION",
                       "the store does not know this life of the member",
                       "join again",
                       {}};
    entry.stream->End(ToRpcStatus(gone));
    entry.life.reset();
  }
}

}  // namespace ithaca::groups
