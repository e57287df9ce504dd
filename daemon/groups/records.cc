#include "daemon/groups/records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/record_keys.h"
#include "ithaca/groups/v1/storage.pb.h"

namespace ithaca::groups {
namespace {

using store::Op;

Op EncodeRecord(const Group::Record& record) {
  v1::StoredGroup stored;
  stored.set_group_id(record.id);
  stored.set_epoch(record.epoch);
  stored.set_sequence(record.sequence);
  stored.set_size(record.size);
  stored.set_plan_hash(record.plan_hash);
  stored.set_owner_uid(record.owner_uid);
  stored.set_create_time_unix_ms(record.create_unix_ms);
  stored.set_reason_code(record.reason_code);
  stored.set_reason(record.reason);
  stored.set_replan_on_loss(record.on_loss == OnLoss::kReplan);
  stored.set_min_size(record.min_size);
  stored.set_constraints(record.constraints);
  for (const Axis& axis : record.mesh) {
    auto* to = stored.add_mesh();
    to->set_axis(static_cast<uint32_t>(axis.axis));
    to->set_degree(axis.degree);
  }
  auto* commit = stored.mutable_last_commit();
  commit->set_epoch(record.last_commit.epoch);
  commit->set_round(record.last_commit.round);
  commit->set_hash(record.last_commit.hash);
  commit->set_time_unix_ms(record.last_commit.unix_ms);
  stored.set_seating(record.seating);
  stored.set_formed(record.formed);
  stored.set_first_plan_hash(record.first_plan_hash);
  return Op::Put(RecordKey(record.id), stored.SerializeAsString());
}

Op EncodeSeating(const Group& group) {
  v1::StoredSeating stored;
  stored.set_seating(group.record().seating);
  for (const Seat& seat : group.roster().slots()) {
    stored.add_incarnations(seat.member.has_value() ? seat.member->incarnation
                                                    : 0);
  }
  return Op::Put(SeatingKey(group.record().id), stored.SerializeAsString());
}

// A life that the group forgot is deleted.
Op EncodeMember(const Group& group, uint64_t incarnation) {
  const std::string key = MemberKey(group.record().id, incarnation);
  const Seat* seat = group.roster().FindLife(incarnation);
  if (seat == nullptr) return Op::Delete(key);
  v1::StoredMember stored;
  stored.set_incarnation(incarnation);
  stored.set_seating(group.record().seating);
  if (seat->member.has_value()) {
    const Member& member = *seat->member;
    stored.set_member_id(member.id);
    stored.set_slot(member.slot);
    stored.set_parked(member.parked);
    stored.set_host(member.host);
    stored.set_pid(member.pid);
    stored.set_endpoint(member.endpoint);
    stored.set_node(member.node);
    stored.set_formation_timeout_ms(seat->formation_timeout_ms);
  } else {
    stored.set_member_id(seat->last_member_id);
    stored.set_slot(
        static_cast<uint32_t>(seat - group.roster().slots().data()));
    stored.set_gone(true);
  }
  return Op::Put(key, stored.SerializeAsString());
}

Op EncodeBlob(const std::string& id, const Blob& blob) {
  v1::StoredBlob stored;
  stored.set_name(blob.name);
  stored.set_epoch(blob.epoch);
  stored.set_publisher_slot(blob.publisher_slot);
  stored.set_data(*blob.data);
  return Op::Put(BlobPrefix(id) + blob.name, stored.SerializeAsString());
}

Op EncodeBarrier(const Group& group, const std::string& name) {
  v1::StoredBarrier stored;
  stored.set_name(name);
  stored.set_epoch(group.record().epoch);
  stored.set_round(group.barriers().at(name));
  return Op::Put(BarrierPrefix(group.record().id) + name,
                 stored.SerializeAsString());
}

}  // namespace

absl::Status DamagedRecord(const std::string& key, const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("store record ", key, " ", what,
                   "; restore a backup, or start with an empty store"));
}

std::vector<Op> EncodeDirty(const Effects& effects,
                            const GroupMachine& machine) {
  const Dirty& dirty = effects.dirty;
  std::vector<Op> ops;
  if (dirty.counters) ops.push_back(EncodeCounters(machine.counters()));
  for (const std::string& id : dirty.erased)
    ops.push_back(Op::DeletePrefix(GroupPrefix(id)));
  for (const std::string& id : dirty.groups) {
    const Group* group = machine.Peek(id);
    if (group != nullptr) ops.push_back(EncodeRecord(group->record()));
  }
  for (const std::string& id : dirty.seatings) {
    const Group* group = machine.Peek(id);
    if (group != nullptr) ops.push_back(EncodeSeating(*group));
  }
  for (const auto& [id, incarnation] : dirty.members) {
    const Group* group = machine.Peek(id);
    if (group != nullptr) ops.push_back(EncodeMember(*group, incarnation));
  }
  for (const std::string& id : dirty.cleared) {
    if (machine.Peek(id) == nullptr) continue;
    ops.push_back(Op::DeletePrefix(BlobPrefix(id)));
    ops.push_back(Op::DeletePrefix(BarrierPrefix(id)));
  }
  for (const auto& [id, name] : dirty.blobs) {
    const Group* group = machine.Peek(id);
    if (group == nullptr || dirty.cleared.count(id) != 0) continue;
    const auto blob = group->blobs().find(name);
    if (blob != group->blobs().end())
      ops.push_back(EncodeBlob(id, blob->second));
  }
  for (const auto& [id, name] : dirty.barriers) {
    const Group* group = machine.Peek(id);
    if (group == nullptr || dirty.cleared.count(id) != 0) continue;
    if (group->barriers().count(name) != 0)
      ops.push_back(EncodeBarrier(*group, name));
  }
  for (const std::string& hash : dirty.plans) {
    const auto bytes = effects.plans.find(hash);
    if (machine.PlanUsers(hash) == 0) {
      ops.push_back(Op::Delete(PlanKey(hash)));
    } else if (bytes != effects.plans.end()) {
      ops.push_back(Op::Put(PlanKey(hash), bytes->second));
    }
  }
  return ops;
}

Op EncodeCounters(const Counters& counters) {
  v1::StoredCounters stored;
  stored.set_last_epoch(counters.last_epoch);
  stored.set_last_incarnation(counters.last_incarnation);
  stored.set_claim(counters.claim);
  return Op::Put(kCountersKey, stored.SerializeAsString());
}

absl::StatusOr<StoredCounters> ReadCounters(store::Store& store) {
  const auto entry = store.Get(kCountersKey);
  if (!entry.ok()) return entry.status();
  if (!entry->has_value()) return StoredCounters{};
  v1::StoredCounters stored;
  if (!stored.ParseFromString((*entry)->value))
    return DamagedRecord(kCountersKey, "cannot be parsed");
  return StoredCounters{
      {stored.last_epoch(), stored.last_incarnation(), stored.claim()},
      (*entry)->mod_revision};
}

}  // namespace ithaca::groups
