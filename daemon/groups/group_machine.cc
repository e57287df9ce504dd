#include "daemon/groups/group_machine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxHostBytes = 255;
constexpr size_t kMaxEndpointBytes = 1024;

bool MayUse(const Caller& caller, const Group& group) {
  return caller.admin || caller.uid == group.record().owner_uid;
}

Refusal NotOwner(const Caller& caller, const std::string& group_id) {
  return Refusal{
      absl::StatusCode::kPermissionDenied,
      "NOT_OWNER",
      absl::StrCat("group ", group_id, " belongs to another user than ",
                   caller.uid),
      "run as the user that created it, or create a group of your own",
      {}};
}

Refusal NotFound(const std::string& group_id) {
  return Refusal{
      absl::StatusCode::kNotFound,
      "GROUP_NOT_FOUND",
      absl::StrCat("there is no group ", group_id),
      "create it with CreateGroup; ListGroups shows those that exist",
      {}};
}

std::optional<Refusal> CheckJoin(const JoinCommand& command,
                                 const Limits& limits) {
  if (auto refusal = CheckGroupId(command.group_id)) return refusal;
  if (auto refusal = CheckName("member_id", command.member_id)) return refusal;
  if (command.host.size() > kMaxHostBytes) {
    return InvalidRequest(
        absl::StrCat("host: has ", command.host.size(), " bytes"),
        absl::StrCat("give at most ", kMaxHostBytes));
  }
  if (command.endpoint.size() > kMaxEndpointBytes) {
    return InvalidRequest(
        absl::StrCat("endpoint: has ", command.endpoint.size(), " bytes"),
        absl::StrCat("give at most ", kMaxEndpointBytes));
  }
  if (command.formation_timeout_ms < 0 ||
      command.formation_timeout_ms > limits.max_wait_ms) {
    return InvalidRequest("formation_timeout: is negative or above 24 hours",
                          "give one between, or none for 10 minutes");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> CheckGroupId(const std::string& group_id) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (!group_id.empty() && group_id.size() <= kMaxNameBytes &&
      std::all_of(group_id.begin(), group_id.end(), good)) {
    return std::nullopt;
  }
  return InvalidRequest("group_id: is empty, too long or has other characters",
                        "use 1 to 128 of A-Z a-z 0-9 . _ -");
}

std::optional<Refusal> CheckName(const std::string& field,
                                 const std::string& name) {
  const auto good = [](char c) { return c > ' ' && c < 0x7f; };
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      std::all_of(name.begin(), name.end(), good)) {
    return std::nullopt;
  }
  return InvalidRequest(
      field + ": is empty, too long or has other characters",
      "use 1 to 128 printable ASCII characters without space");
}

Result<bool> GroupMachine::Create(const Caller& caller,
                                  const CreateCommand& command, Millis now,
                                  Effects* effects) {
  if (auto refusal = CheckGroupId(command.group_id)) return *refusal;
  if (command.size == 0 || command.size > limits_.max_group_size) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("the plan has ", command.size, " ranks; 1 to ",
                                limits_.max_group_size, " are possible"),
                   "make the group from a smaller plan",
                   {}};
  }
  const auto found = groups_.find(command.group_id);
  if (found != groups_.end()) {
    const Group::Record& record = found->second->record();
    if (record.owner_uid == caller.uid && record.plan_hash == command.plan_hash)
      return false;
    if (!MayUse(caller, *found->second))
      return NotOwner(caller, command.group_id);
    return Refusal{
        absl::StatusCode::kAlreadyExists,
        "GROUP_EXISTS",
        absl::StrCat("group ", command.group_id, " exists with plan ",
                     record.plan_hash, " and owner ", record.owner_uid),
        "use another name, or delete that group first",
        {{"plan_hash", record.plan_hash}}};
  }
  if (groups_.size() >= limits_.max_groups) {
    return Refusal{
        absl::StatusCode::kResourceExhausted,
        "LIMIT_EXCEEDED",
        absl::StrCat("the daemon has ", groups_.size(), " groups, all it can"),
        "delete groups that are not used; empty ones go after an hour",
        {}};
  }
  auto group = std::make_unique<Group>(command, caller.uid, limits_, &counters_,
                                       now, effects);
  effects->dirty.plans.insert(command.plan_hash);
  Schedule(*group);
  groups_.emplace(command.group_id, std::move(group));
  return true;
}

Result<JoinAnswer> GroupMachine::Join(const Caller& caller,
                                      const JoinCommand& command,
                                      StreamId stream, Millis now,
                                      Effects* effects) {
  if (auto refusal = CheckJoin(command, limits_)) return *refusal;
  Result<Group*> group = FindMutable(caller, command.group_id);
  if (!group.ok()) return group.refusal();
  Result<JoinAnswer> answer = group.value()->Join(command, caller.pid, stream,
                                                  &counters_, now, effects);
  Schedule(*group.value());
  return answer;
}

void GroupMachine::StreamBroken(const std::string& group_id, StreamId stream,
                                Millis now, Effects* effects) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  found->second->StreamBroken(stream, &counters_, now, effects);
  Schedule(*found->second);
}

Result<uint64_t> GroupMachine::Leave(const Caller& caller, const Fence& fence,
                                     Millis now, Effects* effects) {
  Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  Result<uint64_t> epoch =
      group.value()->Leave(fence, &counters_, now, effects);
  Schedule(*group.value());
  return epoch;
}

Result<Done> GroupMachine::Publish(const Caller& caller, const Fence& fence,
                                   const std::string& name, std::string data,
                                   Effects* effects) {
  if (auto refusal = CheckName("name", name)) return *refusal;
  if (data.empty() || data.size() > limits_.max_blob_bytes) {
    return InvalidRequest(
        absl::StrCat("data: has ", data.size(), " bytes"),
        absl::StrCat("publish 1 to ", limits_.max_blob_bytes));
  }
  Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  Result<Done> done = group.value()->Publish(
      fence, name, std::make_shared<const std::string>(std::move(data)),
      effects);
  Schedule(*group.value());
  return done;
}

Result<std::optional<Blob>> GroupMachine::GetBlob(const Caller& caller,
                                                  const Fence& fence,
                                                  const std::string& name,
                                                  WaiterId waiter,
                                                  Millis wait_ms, Millis now) {
  if (auto refusal = CheckName("name", name)) return *refusal;
  if (wait_ms < 0 || wait_ms > limits_.max_wait_ms) {
    return InvalidRequest("wait: is negative or above 24 hours",
                          "give one between");
  }
  Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  auto blob = group.value()->GetBlob(fence, name, waiter, now + wait_ms, now);
  Schedule(*group.value());
  return blob;
}

void GroupMachine::CancelWaiter(const std::string& group_id, WaiterId waiter) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  found->second->CancelWaiter(waiter);
  Schedule(*found->second);
}

Result<Done> GroupMachine::Delete(const Caller& caller,
                                  const std::string& group_id, bool force,
                                  Effects* effects) {
  const Result<Group*> group = FindMutable(caller, group_id);
  if (!group.ok()) return group.refusal();
  const uint32_t members = group.value()->member_count();
  if (members > 0 && !force) {
    return Refusal{
        absl::StatusCode::kFailedPrecondition,
        "MEMBERS_PRESENT",
        absl::StrCat("group ", group_id, " has ", members, " members"),
        "let them leave, or delete with force",
        {}};
  }
  Erase(group_id, absl::StrCat("user ", caller.uid, " asked for it"), effects);
  return Done{};
}

void GroupMachine::Erase(const std::string& group_id, const std::string& why,
                         Effects* effects) {
  const auto found = groups_.find(group_id);
  found->second->Delete(why, effects);
  effects->dirty.erased.insert(group_id);
  effects->dirty.plans.insert(found->second->record().plan_hash);
  const auto due = due_of_.find(group_id);
  if (due != due_of_.end()) {
    due_.erase({due->second, group_id});
    due_of_.erase(due);
  }
  groups_.erase(found);
}

Result<Group*> GroupMachine::FindFenced(const Caller& caller,
                                        const Fence& fence) {
  Result<Group*> group = FindMutable(caller, fence.group_id);
  if (!group.ok()) return group;
  if (auto refusal = CheckName("fence.member_id", fence.member_id))
    return *refusal;
  return group;
}

Result<Group*> GroupMachine::FindMutable(const Caller& caller,
                                         const std::string& group_id) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) {
    if (auto refusal = CheckGroupId(group_id)) return *refusal;
    return NotFound(group_id);
  }
  if (!MayUse(caller, *found->second)) return NotOwner(caller, group_id);
  return found->second.get();
}

Result<const Group*> GroupMachine::Find(const Caller& caller,
                                        const std::string& group_id) const {
  const Result<Group*> group =
      const_cast<GroupMachine*>(this)->FindMutable(caller, group_id);
  if (!group.ok()) return group.refusal();
  return static_cast<const Group*>(group.value());
}

std::vector<const Group*> GroupMachine::List(const Caller& caller,
                                             const std::string& after,
                                             size_t limit) const {
  std::vector<const Group*> page;
  for (auto it = groups_.upper_bound(after);
       it != groups_.end() && page.size() < limit; ++it) {
    if (MayUse(caller, *it->second)) page.push_back(it->second.get());
  }
  return page;
}

void GroupMachine::Schedule(const Group& group) {
  const std::string& id = group.record().id;
  const std::optional<Millis> next = group.NextDeadline();
  const auto known = due_of_.find(id);
  if (known != due_of_.end()) {
    if (next.has_value() && known->second == *next) return;
    due_.erase({known->second, id});
    due_of_.erase(known);
  }
  if (!next.has_value()) return;
  due_.insert({*next, id});
  due_of_[id] = *next;
}

void GroupMachine::Tick(Millis now, Effects* effects) {
  while (!due_.empty() && due_.begin()->first <= now &&
         !effects->dirty.full()) {
    const std::string id = due_.begin()->second;
    Group& group = *groups_.at(id);
    group.Tick(now, &counters_, effects);
    if (group.Expired(now)) {
      Erase(id, "nobody was in it for an hour", effects);
    } else {
      Schedule(group);
    }
  }
}

std::optional<Millis> GroupMachine::NextDeadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

bool GroupMachine::Restore(std::unique_ptr<Group> group) {
  const std::string id = group->record().id;
  Schedule(*group);
  return groups_.emplace(id, std::move(group)).second;
}

bool GroupMachine::Attach(const std::string& group_id,
                          const std::string& member_id, uint64_t incarnation,
                          StreamId stream) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return false;
  const bool attached = found->second->Attach(member_id, incarnation, stream);
  Schedule(*found->second);
  return attached;
}

void GroupMachine::SetDetachDeadline(const std::string& group_id, uint32_t slot,
                                     Millis deadline) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  found->second->SetDetachDeadline(slot, deadline);
  Schedule(*found->second);
}

const Group* GroupMachine::Peek(const std::string& group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

size_t GroupMachine::PlanUsers(const std::string& plan_hash) const {
  return static_cast<size_t>(std::count_if(
      groups_.begin(), groups_.end(), [&plan_hash](const auto& entry) {
        return entry.second->record().plan_hash == plan_hash;
      }));
}

}  // namespace ithaca::groups
