// Records: the way back, from the store to a machine.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/record_keys.h"
#include "daemon/groups/records.h"
#include "ithaca/groups/v1/storage.pb.h"

namespace ithaca::groups {
namespace {

using store::KeyValue;

constexpr size_t kPage = 256;

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

// One group's records on their way into a Group. The record comes after others
// in key order, so they are collected first.
struct Collected {
  std::optional<Group::Record> record;
  v1::StoredSeating seating;
  std::vector<v1::StoredMember> members;
  std::vector<Blob> blobs;
  std::vector<v1::StoredBarrier> barriers;
};

absl::Status CollectRecord(const KeyValue& entry, Collected* group) {
  v1::StoredGroup stored;
  if (!stored.ParseFromString(entry.value))
    return DamagedRecord(entry.key, "cannot be parsed");
  Group::Record record{stored.group_id(),
                       stored.epoch(),
                       stored.sequence(),
                       stored.size(),
                       stored.plan_hash(),
                       stored.owner_uid(),
                       stored.create_time_unix_ms(),
                       stored.reason_code(),
                       stored.reason()};
  record.on_loss = stored.replan_on_loss() ? OnLoss::kReplan : OnLoss::kWait;
  record.min_size = std::max(1u, stored.min_size());
  record.constraints = stored.constraints();
  for (const auto& axis : stored.mesh())
    record.mesh.push_back({static_cast<int>(axis.axis()), axis.degree()});
  const v1::StoredCommit& commit = stored.last_commit();
  record.last_commit = {commit.epoch(), commit.round(), commit.hash(),
                        commit.time_unix_ms()};
  record.seating = stored.seating();
  record.formed = stored.formed();
  record.first_plan_hash = stored.first_plan_hash();
  group->record = std::move(record);
  if (RecordKey(stored.group_id()) != entry.key)
    return DamagedRecord(entry.key, "names another");
  return absl::OkStatus();
}

// Parses the entry as one more of `messages`.
template <typename Message>
absl::Status CollectOne(const KeyValue& entry, std::vector<Message>* messages) {
  messages->emplace_back();
  if (messages->back().ParseFromString(entry.value)) return absl::OkStatus();
  return DamagedRecord(entry.key, "cannot be parsed");
}

absl::Status CollectBlob(const KeyValue& entry, Collected* group) {
  v1::StoredBlob stored;
  if (!stored.ParseFromString(entry.value))
    return DamagedRecord(entry.key, "cannot be parsed");
  group->blobs.push_back({stored.name(), stored.epoch(),
                          stored.publisher_slot(),
                          std::make_shared<const std::string>(stored.data())});
  return absl::OkStatus();
}

// "groups/g/<id>/<rest>".
absl::Status Collect(const KeyValue& entry,
                     std::map<std::string, Collected>* groups) {
  const std::string tail = entry.key.substr(sizeof(kGroupsPrefix) - 1);
  const size_t slash = tail.find('/');
  if (slash == std::string::npos)
    return DamagedRecord(entry.key, "has a strange key");
  Collected* group = &(*groups)[tail.substr(0, slash)];
  const std::string rest = tail.substr(slash + 1);
  if (rest == "record") return CollectRecord(entry, group);
  if (rest == "seating") {
    if (group->seating.ParseFromString(entry.value)) return absl::OkStatus();
    return DamagedRecord(entry.key, "cannot be parsed");
  }
  if (rest.rfind("m/", 0) == 0) {
    const absl::Status read = CollectOne(entry, &group->members);
    if (!read.ok()) return read;
    const uint64_t life = group->members.back().incarnation();
    if (MemberKey(tail.substr(0, slash), life) == entry.key) return read;
    return DamagedRecord(entry.key, "names another life");
  }
  if (rest.rfind("b/", 0) == 0) return CollectBlob(entry, group);
  if (rest.rfind("p/", 0) == 0) return CollectOne(entry, &group->barriers);
  return DamagedRecord(entry.key, "has a strange key");
}

// Where members are that were written before the slots were numbered anew.
std::map<uint64_t, uint32_t> SlotsOf(const v1::StoredSeating& seating) {
  std::map<uint64_t, uint32_t> slots;
  for (int i = 0; i < seating.incarnations_size(); ++i) {
    if (seating.incarnations(i) != 0)
      slots[seating.incarnations(i)] = static_cast<uint32_t>(i);
  }
  return slots;
}

bool RestoreMembers(const Collected& collected, Millis now, Group* group) {
  const uint64_t seating = group->record().seating;
  if (seating != collected.seating.seating()) return false;
  const std::map<uint64_t, uint32_t> slots = SlotsOf(collected.seating);
  for (const v1::StoredMember& stored : collected.members) {
    Member member{stored.member_id(),
                  stored.slot(),
                  stored.incarnation(),
                  stored.host(),
                  stored.pid(),
                  stored.endpoint(),
                  false,
                  stored.node(),
                  stored.parked()};
    const bool old = stored.seating() != seating;
    if (stored.gone()) {
      // In an older seating the slot was another one.
      if (!old && !group->RestoreGone(member)) return false;
      continue;
    }
    if (old) {
      const auto slot = slots.find(member.incarnation);
      member.parked = slot == slots.end();
      member.slot = member.parked ? 0 : slot->second;
    }
    if (!group->RestoreMember(std::move(member), stored.formation_timeout_ms(),
                              now)) {
      return false;
    }
  }
  return true;
}

absl::Status Build(const std::string& id, Collected collected,
                   const Limits& limits, Millis now, Counters* counters,
                   GroupMachine* machine) {
  const std::string key = RecordKey(id);
  if (!collected.record.has_value()) return DamagedRecord(key, "is missing");
  if (collected.record->size == 0 ||
      collected.record->size > limits.max_group_size) {
    return DamagedRecord(key, "has an impossible size");
  }
  // A store put together from several copies must not make numbers repeat.
  counters->last_epoch =
      std::max(counters->last_epoch, collected.record->epoch);
  for (const v1::StoredMember& member : collected.members) {
    counters->last_incarnation =
        std::max(counters->last_incarnation, member.incarnation());
  }
  auto group =
      std::make_unique<Group>(std::move(*collected.record), limits, now);
  if (!RestoreMembers(collected, now, group.get()))
    return DamagedRecord(MemberPrefix(id), "has records that contradict");
  // A blob of an older epoch is void; its deletion may have been lost with the
  // medium.
  for (Blob& blob : collected.blobs) group->RestoreBlob(std::move(blob));
  for (const v1::StoredBarrier& barrier : collected.barriers) {
    if (barrier.epoch() == group->record().epoch)
      group->RestoreBarrier(barrier.name(), barrier.round());
  }
  group->FinishRestoring(now);
  machine->Restore(std::move(group));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedGroups> LoadGroups(store::Store& store,
                                        const Limits& limits, Millis now) {
  LoadedGroups loaded;
  auto stored = ReadCounters(store);
  if (!stored.ok()) return stored.status();
  Counters counters = std::move(stored->counters);
  loaded.counters_revision = stored->revision;
  std::map<std::string, Collected> groups;
  const absl::Status read =
      Pages(store, kGroupsPrefix).ForEach([&](const KeyValue& row) {
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
