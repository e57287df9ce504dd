#include "daemon/groups/convert.h"

#include <limits>
#include <utility>

#include "daemon/groups/sub_groups.h"

namespace ithaca::groups {
namespace {

v1::EventType ToMessage(EventType type) {
  switch (type) {
    case EventType::kJoined:
      return v1::EVENT_TYPE_MEMBER_JOINED;
    case EventType::kResumed:
      return v1::EVENT_TYPE_MEMBER_RESUMED;
    case EventType::kLost:
      return v1::EVENT_TYPE_MEMBER_LOST;
    case EventType::kLeft:
      return v1::EVENT_TYPE_MEMBER_LEFT;
    case EventType::kComplete:
      return v1::EVENT_TYPE_COMPLETE;
    case EventType::kDeleted:
      return v1::EVENT_TYPE_DELETED;
    case EventType::kSuspect:
      return v1::EVENT_TYPE_MEMBER_SUSPECT;
    case EventType::kCleared:
      return v1::EVENT_TYPE_MEMBER_CLEARED;
    case EventType::kParked:
      return v1::EVENT_TYPE_MEMBER_PARKED;
    case EventType::kPromoted:
      return v1::EVENT_TYPE_MEMBER_PROMOTED;
    case EventType::kDetached:
      return v1::EVENT_TYPE_MEMBER_DETACHED;
    case EventType::kReplanned:
      return v1::EVENT_TYPE_REPLANNED;
  }
  return v1::EVENT_TYPE_UNSPECIFIED;
}

v1::MemberState StateOf(const Member& member) {
  if (!member.attached) return v1::MEMBER_STATE_DETACHED;
  return member.suspect ? v1::MEMBER_STATE_SUSPECT : v1::MEMBER_STATE_ATTACHED;
}

void SetTime(int64_t unix_ms, google::protobuf::Timestamp* time) {
  time->set_seconds(unix_ms / 1000);
  time->set_nanos(static_cast<int32_t>(unix_ms % 1000) * 1'000'000);
}

}  // namespace

v1::Group ToSummary(const Group& group) {
  const Group::Record& record = group.record();
  v1::Group message;
  message.set_group_id(record.id);
  message.set_epoch(record.epoch);
  message.set_state(group.complete() ? v1::GROUP_STATE_COMPLETE
                                     : v1::GROUP_STATE_FORMING);
  message.set_size(record.size);
  message.set_plan_hash(record.plan_hash);
  message.set_owner_uid(record.owner_uid);
  message.set_sequence(record.sequence);
  SetTime(record.create_unix_ms, message.mutable_create_time());
  message.set_reason_code(record.reason_code);
  message.set_reason(record.reason);
  message.set_on_loss(record.on_loss == OnLoss::kReplan ? v1::ON_LOSS_REPLAN
                                                        : v1::ON_LOSS_WAIT);
  message.set_min_size(record.min_size);
  if (record.last_commit.epoch != 0)
    *message.mutable_last_commit() = ToMessage(record.last_commit);
  return message;
}

v1::Committed ToMessage(const Committed& committed) {
  v1::Committed message;
  message.set_epoch(committed.epoch);
  message.set_round(committed.round);
  message.set_hash(committed.hash);
  SetTime(committed.unix_ms, message.mutable_time());
  return message;
}

v1::Joined JoinedOf(const Group& group, const Member& member) {
  v1::Joined message;
  message.set_slot(member.slot);
  message.set_incarnation(member.incarnation);
  message.set_parked(member.parked);
  if (member.parked) return message;
  for (v1::SubGroup& sub_group :
       SubGroupsOf(group.record().mesh, member.slot)) {
    *message.add_sub_groups() = std::move(sub_group);
  }
  return message;
}

v1::Decision ToMessage(const Decision& decision, const Clocks& clocks) {
  v1::Decision message;
  SetTime(clocks.wall_unix_ms + decision.at - clocks.now,
          message.mutable_time());
  message.set_epoch(decision.epoch);
  message.set_reason_code(decision.code);
  message.set_reason(decision.text);
  return message;
}

v1::Waiting ToMessage(const Waiting& waiting, const Clocks& clocks) {
  v1::Waiting message;
  message.set_reason_code(waiting.code);
  message.set_reason(waiting.text);
  for (const uint32_t slot : waiting.missing_slots)
    message.add_missing_slots(slot);
  for (const std::string& id : waiting.missing_members)
    message.add_missing_members(id);
  for (const uint32_t slot : waiting.waiting_slots)
    message.add_waiting_slots(slot);
  if (waiting.deadline.has_value()) {
    SetTime(clocks.wall_unix_ms + *waiting.deadline - clocks.now,
            message.mutable_deadline());
  }
  return message;
}

v1::Group ToMessage(const Group& group) {
  v1::Group message = ToSummary(group);
  for (const Seat& seat : group.roster().slots()) {
    if (seat.member.has_value())
      *message.add_members() = ToMessage(*seat.member);
  }
  for (const auto& [life, seat] : group.roster().spares())
    *message.add_spares() = ToMessage(*seat.member);
  for (const uint32_t slot : group.roster().free_slots())
    message.add_free_slots(slot);
  for (const auto& [name, blob] : group.blobs()) message.add_blob_names(name);
  return message;
}

v1::Member ToMessage(const Member& member) {
  v1::Member message;
  message.set_member_id(member.id);
  message.set_slot(member.slot);
  message.set_incarnation(member.incarnation);
  message.set_host(member.host);
  message.set_pid(member.pid);
  message.set_endpoint(member.endpoint);
  message.set_state(StateOf(member));
  message.set_node(member.node);
  message.set_parked(member.parked);
  return message;
}

v1::GroupEvent ToMessage(const Event& event) {
  v1::GroupEvent message;
  message.set_sequence(event.sequence);
  message.set_type(ToMessage(event.type));
  message.set_epoch(event.epoch);
  if (event.member.has_value())
    *message.mutable_member() = ToMessage(*event.member);
  message.set_reason_code(event.reason_code);
  message.set_reason(event.reason);
  return message;
}

Fence FromMessage(const v1::Fence& fence) {
  return Fence{fence.group_id(), fence.epoch(), fence.member_id(),
               fence.incarnation()};
}

JoinCommand FromMessage(const v1::JoinGroupRequest& request) {
  JoinCommand command;
  command.group_id = request.group_id();
  command.member_id = request.member_id();
  if (request.has_slot()) command.slot = request.slot();
  command.incarnation = request.incarnation();
  command.host = request.host();
  command.endpoint = request.endpoint();
  command.formation_timeout_ms = ToMillis(request.formation_timeout());
  command.may_park = request.may_park();
  return command;
}

OnLoss FromMessage(v1::OnLoss on_loss) {
  return on_loss == v1::ON_LOSS_REPLAN ? OnLoss::kReplan : OnLoss::kWait;
}

ReplanCommand FromMessage(const v1::ReplanGroupRequest& request) {
  ReplanCommand command;
  command.fence = FromMessage(request.fence());
  command.lost_slots.assign(request.lost_slots().begin(),
                            request.lost_slots().end());
  command.goal = request.goal() == v1::REPLAN_GOAL_FEWEST_MOVES
                     ? ReplanGoal::kFewestMoves
                     : ReplanGoal::kMostRanks;
  command.dry_run = request.dry_run();
  return command;
}

Millis ToMillis(const google::protobuf::Duration& duration) {
  constexpr Millis kMax = std::numeric_limits<Millis>::max();
  if (duration.seconds() > kMax / 1000 - 1) return kMax;
  if (duration.seconds() < -kMax / 1000 + 1) return -1;
  return duration.seconds() * 1000 + duration.nanos() / 1'000'000;
}

}  // namespace ithaca::groups
