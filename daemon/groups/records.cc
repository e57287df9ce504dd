#include "daemon/groups/records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ithaca/groups/v1/storage.pb.h"

namespace ithaca::groups {
namespace {

using store::KeyValue;
using store::Op;

constexpr char kGroupPrefix[] = "groups/g/";
constexpr char kPlanPrefix[] = "plans/";
constexpr size_t kPage = 256;

std::string GroupPrefix(const std::string& id) {
  return absl::StrCat(kGroupPrefix, id, "/");
}
std::string RecordKey(const std::string& id) {
  return GroupPrefix(id) + "record";
}
std::string BlobPrefix(const std::string& id) { return GroupPrefix(id) + "b/"; }
std::string SlotKey(const std::string& id, uint32_t slot) {
  return absl::StrCat(GroupPrefix(id), "m/", absl::StrFormat("%05d", slot));
}

Op EncodeCounters(const Counters& counters) {
  v1::StoredCounters stored;
  stored.set_last_epoch(counters.last_epoch);
  stored.set_last_incarnation(counters.last_incarnation);
  return Op::Put(kCountersKey, stored.SerializeAsString());
}

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
  return Op::Put(RecordKey(record.id), stored.SerializeAsString());
}

Op EncodeSlot(const std::string& id, uint32_t index, const Group::Slot& slot) {
  v1::StoredMember stored;
  stored.set_member_id(slot.last_member_id);
  if (slot.member.has_value()) {
    stored.set_incarnation(slot.member->incarnation);
    stored.set_host(slot.member->host);
    stored.set_pid(slot.member->pid);
    stored.set_endpoint(slot.member->endpoint);
    stored.set_formation_timeout_ms(slot.formation_timeout_ms);
  }
  return Op::Put(SlotKey(id, index), stored.SerializeAsString());
}

Op EncodeBlob(const std::string& id, const Blob& blob) {
  v1::StoredBlob stored;
  stored.set_name(blob.name);
  stored.set_epoch(blob.epoch);
  stored.set_publisher_slot(blob.publisher_slot);
  stored.set_data(*blob.data);
  return Op::Put(BlobPrefix(id) + blob.name, stored.SerializeAsString());
}

absl::Status Damaged(const std::string& key, const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("store record ", key, " ", what,
                   "; restore a backup, or start with an empty store"));
}

// Reads every entry below a prefix.
class Pages {
 public:
  Pages(store::Store& store, std::string prefix)
      : store_(store), prefix_(std::move(prefix)) {}

  template <typename Visit>
  absl::Status ForEach(Visit visit) {
    std::string after;
    for (bool more = true; more;) {
      const auto page = store_.List(prefix_, after, kPage);
      if (!page.ok()) return page.status();
      for (const KeyValue& entry : page->entries) {
        if (absl::Status status = visit(entry); !status.ok()) return status;
        after = entry.key;
      }
      more = page->more;
    }
    return absl::OkStatus();
  }

 private:
  store::Store& store_;
  const std::string prefix_;
};

// One group's records on their way into a Group. The record comes after blobs
// and members in key order, so they are collected first.
struct Collected {
  std::optional<Group::Record> record;
  std::vector<std::pair<Member, Group::Slot>> slots;
  std::vector<Blob> blobs;
};

absl::Status CollectRecord(const KeyValue& entry, Collected* group) {
  v1::StoredGroup stored;
  if (!stored.ParseFromString(entry.value))
    return Damaged(entry.key, "cannot be parsed");
  group->record = Group::Record{stored.group_id(),
                                stored.epoch(),
                                stored.sequence(),
                                stored.size(),
                                stored.plan_hash(),
                                stored.owner_uid(),
                                stored.create_time_unix_ms(),
                                stored.reason_code(),
                                stored.reason()};
  if (RecordKey(stored.group_id()) != entry.key)
    return Damaged(entry.key, "names another");
  return absl::OkStatus();
}

absl::Status CollectSlot(const KeyValue& entry, const std::string& number,
                         Collected* group) {
  v1::StoredMember stored;
  uint32_t index = 0;
  if (!stored.ParseFromString(entry.value) ||
      !absl::SimpleAtoi(number, &index)) {
    return Damaged(entry.key, "cannot be parsed");
  }
  Member member{stored.member_id(),
                index,
                stored.incarnation(),
                stored.host(),
                stored.pid(),
                stored.endpoint(),
                false};
  Group::Slot slot;
  slot.last_member_id = stored.member_id();
  slot.formation_timeout_ms = stored.formation_timeout_ms();
  group->slots.emplace_back(std::move(member), std::move(slot));
  return absl::OkStatus();
}

absl::Status CollectBlob(const KeyValue& entry, Collected* group) {
  v1::StoredBlob stored;
  if (!stored.ParseFromString(entry.value))
    return Damaged(entry.key, "cannot be parsed");
  group->blobs.push_back({stored.name(), stored.epoch(),
                          stored.publisher_slot(),
                          std::make_shared<const std::string>(stored.data())});
  return absl::OkStatus();
}

// "groups/g/<id>/<rest>".
absl::Status Collect(const KeyValue& entry,
                     std::map<std::string, Collected>* groups) {
  const std::string tail = entry.key.substr(sizeof(kGroupPrefix) - 1);
  const size_t slash = tail.find('/');
  if (slash == std::string::npos)
    return Damaged(entry.key, "has a strange key");
  Collected* group = &(*groups)[tail.substr(0, slash)];
  const std::string rest = tail.substr(slash + 1);
  if (rest == "record") return CollectRecord(entry, group);
  if (rest.rfind("m/", 0) == 0)
    return CollectSlot(entry, rest.substr(2), group);
  if (rest.rfind("b/", 0) == 0) return CollectBlob(entry, group);
  return Damaged(entry.key, "has a strange key");
}

absl::Status Build(const std::string& id, Collected collected,
                   const Limits& limits, Millis now, Counters* counters,
                   GroupMachine* machine) {
  const std::string key = RecordKey(id);
  if (!collected.record.has_value()) return Damaged(key, "is missing");
  if (collected.record->size == 0 ||
      collected.record->size > limits.max_group_size) {
    return Damaged(key, "has an impossible size");
  }
  // A store put together from several copies must not make numbers repeat.
  counters->last_epoch =
      std::max(counters->last_epoch, collected.record->epoch);
  auto group =
      std::make_unique<Group>(std::move(*collected.record), limits, now);
  for (auto& [member, slot] : collected.slots) {
    counters->last_incarnation =
        std::max(counters->last_incarnation, member.incarnation);
    const uint32_t index = member.slot;
    if (!group->RestoreSlot(std::move(member), slot.last_member_id,
                            slot.formation_timeout_ms, now)) {
      return Damaged(SlotKey(id, index), "contradicts another record");
    }
  }
  // A blob of an older epoch is void; its deletion may have been lost with the
  // medium.
  for (Blob& blob : collected.blobs) group->RestoreBlob(std::move(blob));
  machine->Restore(std::move(group));
  return absl::OkStatus();
}

}  // namespace

const char kCountersKey[] = "groups/counters";

std::string PlanKey(const std::string& plan_hash) {
  return absl::StrCat(kPlanPrefix, plan_hash);
}

std::vector<Op> EncodeDirty(const Dirty& dirty, const GroupMachine& machine,
                            const std::map<std::string, std::string>& plans) {
  std::vector<Op> ops;
  if (dirty.counters) ops.push_back(EncodeCounters(machine.counters()));
  for (const std::string& id : dirty.erased)
    ops.push_back(Op::DeletePrefix(GroupPrefix(id)));
  for (const std::string& id : dirty.groups) {
    const Group* group = machine.Peek(id);
    if (group != nullptr) ops.push_back(EncodeRecord(group->record()));
  }
  for (const auto& [id, index] : dirty.slots) {
    const Group* group = machine.Peek(id);
    if (group != nullptr)
      ops.push_back(EncodeSlot(id, index, group->slots()[index]));
  }
  for (const std::string& id : dirty.cleared) {
    if (machine.Peek(id) != nullptr)
      ops.push_back(Op::DeletePrefix(BlobPrefix(id)));
  }
  for (const auto& [id, name] : dirty.blobs) {
    const Group* group = machine.Peek(id);
    if (group == nullptr || dirty.cleared.count(id) != 0) continue;
    const auto blob = group->blobs().find(name);
    if (blob != group->blobs().end())
      ops.push_back(EncodeBlob(id, blob->second));
  }
  for (const std::string& hash : dirty.plans) {
    const auto bytes = plans.find(hash);
    if (machine.PlanUsers(hash) == 0) {
      ops.push_back(Op::Delete(PlanKey(hash)));
    } else if (bytes != plans.end()) {
      ops.push_back(Op::Put(PlanKey(hash), bytes->second));
    }
  }
  return ops;
}

absl::StatusOr<LoadedGroups> LoadGroups(store::Store& store,
                                        const Limits& limits, Millis now) {
  LoadedGroups loaded;
  Counters counters;
  const auto entry = store.Get(kCountersKey);
  if (!entry.ok()) return entry.status();
  if (entry->has_value()) {
    v1::StoredCounters stored;
    if (!stored.ParseFromString((*entry)->value)) {
      return Damaged(kCountersKey, "cannot be parsed");
    }
    counters = {stored.last_epoch(), stored.last_incarnation()};
    loaded.counters_revision = (*entry)->mod_revision;
  }
  std::map<std::string, Collected> groups;
  const absl::Status read =
      Pages(store, kGroupPrefix).ForEach([&](const KeyValue& row) {
        return Collect(row, &groups);
      });
  if (!read.ok()) return read;
  GroupMachine scratch(limits);
  for (auto& [id, collected] : groups) {
    const absl::Status built =
        Build(id, std::move(collected), limits, now, &counters, &scratch);
    if (!built.ok()) return built;
  }
  loaded.machine = std::make_unique<GroupMachine>(std::move(scratch));
  loaded.machine->SetCountersForRestore(counters);
  return loaded;
}

}  // namespace ithaca::groups
