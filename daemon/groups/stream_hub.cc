#include "daemon/groups/stream_hub.h"

#include <utility>

#include "daemon/groups/convert.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {

EventStream* StreamHub::NewStream(StreamId id, std::function<void()> on_broken,
                                  std::function<void()> on_done) {
  EventStream::Hooks hooks;
  hooks.on_ready = [this, id] { fanout_.Ready(id); };
  hooks.on_broken = std::move(on_broken);
  hooks.on_done = std::move(on_done);
  return new EventStream(std::move(hooks));
}

void StreamHub::Add(StreamId id, const std::string& group_id,
                    std::optional<Life> life, Fanout::Start start,
                    EventStream* stream) {
  Listeners& listeners = by_group_[group_id];
  ++listeners.streams;
  listeners.quiet = listeners.quiet || start.quiet;
  streams_[id] = Entry{group_id, std::move(life)};
  fanout_.Add(id, group_id, std::move(start),
              std::unique_ptr<EventStream>(stream));
}

void StreamHub::Refuse(StreamId id, const Refusal& why, EventStream* stream) {
  Add(id, "", std::nullopt, {}, stream);
  fanout_.End(id, ToRpcStatus(why));
}

void StreamHub::Remove(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto group = by_group_.find(found->second.group_id);
  if (--group->second.streams == 0) by_group_.erase(group);
  streams_.erase(found);
  fanout_.Remove(id);
}

std::string StreamHub::GroupOf(StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? "" : found->second.group_id;
}

SnapshotPtr StreamHub::SnapshotOf(const Group& group) {
  const Group::Record& record = group.record();
  const auto found = by_group_.find(record.id);
  if (found == by_group_.end()) return EncodeSnapshot(group);
  Listeners& kept = found->second;
  // Blobs and commits come without an event; blobs go with their epoch.
  const std::pair<uint64_t, uint64_t> commit(record.last_commit.epoch,
                                             record.last_commit.round);
  const bool same = kept.snapshot != nullptr &&
                    kept.snapshot->sequence == record.sequence &&
                    kept.epoch == record.epoch &&
                    kept.blobs == group.blobs().size() && kept.commit == commit;
  if (!same) {
    kept.snapshot = EncodeSnapshot(group);
    kept.epoch = record.epoch;
    kept.blobs = group.blobs().size();
    kept.commit = commit;
  }
  return kept.snapshot;
}

void StreamHub::Offer(const Group& group) {
  fanout_.Offer(group.record().id, SnapshotOf(group));
}

void StreamHub::AddAssigned(const Effects& effects, const Group& group,
                            News* news) {
  const std::string& id = group.record().id;
  for (const Effects::Assigned& assigned : effects.assigned) {
    if (assigned.group_id != id) continue;
    const Seat* seat = group.roster().Find(assigned.member_id);
    if (seat == nullptr || seat->stream != assigned.stream) continue;
    news->joined.emplace_back(assigned.stream,
                              EncodeJoined(JoinedOf(group, *seat->member)));
  }
  const auto plan = effects.plans.find(group.record().plan_hash);
  if (effects.renewed.count(id) == 0) return;
  news->renewed = true;
  planner::v1::Plan parsed;
  if (plan != effects.plans.end() && parsed.ParseFromString(plan->second))
    news->plan = EncodePlan(parsed);
}

void StreamHub::Deliver(const Effects& effects, const GroupMachine* machine) {
  std::map<std::string, News> by_group;
  for (const Effects::Notice& notice : effects.notices) {
    if (by_group_.count(notice.group_id) != 0)
      by_group[notice.group_id].events.push_back(notice.event);
  }
  for (auto& [group_id, news] : by_group) {
    Listeners& listeners = by_group_.at(group_id);
    const Group* group = machine != nullptr ? machine->Peek(group_id) : nullptr;
    if (group != nullptr) AddAssigned(effects, *group, &news);
    const bool gathered =
        listeners.quiet && group != nullptr && group->complete();
    if (gathered) listeners.quiet = false;
    if (gathered || news.renewed || !news.joined.empty())
      news.group = SnapshotOf(*group);
    const bool over = news.events.back()->type == EventType::kDeleted;
    fanout_.Append(group_id, std::move(news));
    if (over) fanout_.EndGroup(group_id, grpc::Status::OK);
  }
}

void StreamHub::End(const Effects::StreamEnd& end) {
  const auto found = streams_.find(end.stream);
  if (found == streams_.end()) return;
  found->second.life.reset();
  fanout_.End(end.stream,
              end.why.has_value() ? ToRpcStatus(*end.why) : grpc::Status::OK);
}

void StreamHub::EndAll(const grpc::Status& status) { fanout_.EndAll(status); }

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
    End({id, gone});
  }
}

}  // namespace ithaca::groups
