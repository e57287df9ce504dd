#include "daemon/groups/convert.h"

#include <limits>

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
  }
  return v1::EVENT_TYPE_UNSPECIFIED;
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
  message.mutable_create_time()->set_seconds(record.create_unix_ms / 1000);
  message.mutable_create_time()->set_nanos(
      static_cast<int32_t>(record.create_unix_ms % 1000) * 1'000'000);
  message.set_reason_code(record.reason_code);
  message.set_reason(record.reason);
  return message;
}

v1::Group ToMessage(const Group& group) {
  v1::Group message = ToSummary(group);
  for (const Group::Slot& slot : group.slots()) {
    if (slot.member.has_value())
      *message.add_members() = ToMessage(*slot.member);
  }
  for (uint32_t slot : group.FreeSlots()) message.add_free_slots(slot);
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
  message.set_state(member.attached ? v1::MEMBER_STATE_ATTACHED
                                    : v1::MEMBER_STATE_DETACHED);
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
  return command;
}

Millis ToMillis(const google::protobuf::Duration& duration) {
  constexpr Millis kMax = std::numeric_limits<Millis>::max();
  if (duration.seconds() > kMax / 1000 - 1) return kMax;
  if (duration.seconds() < -kMax / 1000 + 1) return -1;
  return duration.seconds() * 1000 + duration.nanos() / 1'000'000;
}

}  // namespace ithaca::groups
