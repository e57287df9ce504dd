#include "daemon/clients/cc/group_view.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ithaca::client {
namespace {

namespace v1 = groups::v1;
using Members = google::protobuf::RepeatedPtrField<v1::Member>;

// Recomputes what follows from the members.
void Settle(v1::Group* group) {
  std::vector<bool> held(group->size(), false);
  for (const v1::Member& member : group->members()) {
    if (member.slot() < held.size()) held[member.slot()] = true;
  }
  group->clear_free_slots();
  for (uint32_t i = 0; i < held.size(); ++i) {
    if (!held[i]) group->add_free_slots(i);
  }
  group->set_state(group->free_slots_size() == 0 ? v1::GROUP_STATE_COMPLETE
                                                 : v1::GROUP_STATE_FORMING);
}

void Erase(uint64_t incarnation, Members* members) {
  for (int i = 0; i < members->size(); ++i) {
    if (members->Get(i).incarnation() != incarnation) continue;
    members->DeleteSubrange(i, 1);
    return;
  }
}

void Put(const v1::Member& member, v1::Group* group) {
  Erase(member.incarnation(), group->mutable_members());
  Erase(member.incarnation(), group->mutable_spares());
  Members* members =
      member.parked() ? group->mutable_spares() : group->mutable_members();
  *members->Add() = member;
  std::sort(members->begin(), members->end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.slot(), a.incarnation()) <
           std::make_pair(b.slot(), b.incarnation());
  });
}

bool IsEnd(v1::EventType type) {
  return type == v1::EVENT_TYPE_MEMBER_LOST ||
         type == v1::EVENT_TYPE_MEMBER_LEFT;
}

}  // namespace

void ApplyEvent(const v1::GroupEvent& event, v1::Group* group) {
  if (event.sequence() <= group->sequence()) return;
  group->set_sequence(event.sequence());
  // Barriers, blobs and votes of an older one are void.
  if (group->epoch() != event.epoch()) group->clear_blob_names();
  group->set_epoch(event.epoch());
  group->set_reason_code(event.reason_code());
  group->set_reason(event.reason());
  if (IsEnd(event.type())) {
    Erase(event.member().incarnation(), group->mutable_members());
    Erase(event.member().incarnation(), group->mutable_spares());
  } else if (event.has_member()) {
    Put(event.member(), group);
  }
  Settle(group);
}

std::vector<v1::GroupEvent> LossesBetween(
    const v1::Group& before, const v1::JoinGroupResponse& message) {
  const v1::Group& now = message.group();
  std::set<uint64_t> known;
  for (const v1::Member& member : now.members())
    known.insert(member.incarnation());
  for (const v1::Member& member : now.spares())
    known.insert(member.incarnation());
  for (const v1::GroupEvent& event : message.events()) {
    if (IsEnd(event.type())) known.insert(event.member().incarnation());
  }
  std::vector<v1::GroupEvent> losses;
  for (const v1::Member& member : before.members()) {
    if (known.count(member.incarnation()) != 0) continue;
    v1::GroupEvent loss;
    loss.set_sequence(now.sequence());
    loss.set_type(v1::EVENT_TYPE_MEMBER_LOST);
    loss.set_epoch(now.epoch());
    *loss.mutable_member() = member;
    loss.set_reason_code(now.reason_code());
    loss.set_reason(now.reason());
    losses.push_back(std::move(loss));
  }
  return losses;
}

}  // namespace ithaca::client
