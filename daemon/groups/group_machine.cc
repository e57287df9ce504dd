#include "daemon/groups/group_machine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/groups/request_checks.h"

namespace ithaca::groups {
namespace {

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

Refusal OverQuota(uint32_t uid, size_t has, const std::string& what,
                  size_t most) {
  return Refusal{absl::StatusCode::kResourceExhausted,
                 "LIMIT_EXCEEDED",
                 absl::StrCat("user ", uid, " has ", has, " ", what, "; ", most,
                              " are possible for one user"),
                 "delete groups that are not used",
                 {}};
}

}  // namespace

Result<ReplanAnswer> GroupMachine::NoPlans(const ReplanQuestion& question) {
  return Refusal{
      absl::StatusCode::kFailedPrecondition,
      "REPLAN_IMPOSSIBLE",
      "nobody makes plans for what is left of plan " + question.plan_hash,
      "make a group from another plan",
      {}};
}

// ---- looking up

Group* GroupMachine::Known(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

Result<Group*> GroupMachine::FindMutable(const Caller& caller,
                                         const std::string& group_id) {
  Group* group = Known(group_id);
  if (group == nullptr) {
    if (auto refusal = CheckGroupId(group_id)) return *refusal;
    return NotFound(group_id);
  }
  if (!caller.admin && caller.uid != group->record().owner_uid)
    return NotOwner(caller, group_id);
  return group;
}

Result<Group*> GroupMachine::FindFenced(const Caller& caller,
                                        const Fence& fence) {
  Result<Group*> group = FindMutable(caller, fence.group_id);
  if (!group.ok()) return group;
  if (auto refusal = CheckName("fence.member_id", fence.member_id))
    return *refusal;
  return group;
}

Result<const Group*> GroupMachine::Find(const Caller& caller,
                                        const std::string& group_id) const {
  const Result<Group*> group =
      const_cast<GroupMachine*>(this)->FindMutable(caller, group_id);
  if (!group.ok()) return group.refusal();
  return static_cast<const Group*>(group.value());
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

// ---- quotas

Usage GroupMachine::UsageOf(uint32_t uid) const {
  const auto found = usage_of_user_.find(uid);
  return found == usage_of_user_.end() ? Usage{} : found->second;
}

std::optional<Refusal> GroupMachine::CheckQuota(const Caller& caller,
                                                uint32_t owner,
                                                const Usage& more) const {
  if (caller.admin) return std::nullopt;
  const Usage has = UsageOf(owner);
  if (has.groups + more.groups > limits_.max_groups_per_user)
    return OverQuota(owner, has.groups, "groups", limits_.max_groups_per_user);
  if (has.members + more.members > limits_.max_members_per_user) {
    return OverQuota(owner, has.members, "members in its groups",
                     limits_.max_members_per_user);
  }
  if (has.blob_bytes + more.blob_bytes > limits_.max_blob_bytes_per_user) {
    return OverQuota(owner, has.blob_bytes, "bytes published in its groups",
                     limits_.max_blob_bytes_per_user);
  }
  return std::nullopt;
}

void GroupMachine::Count(uint32_t uid, const std::string& group_id,
                         const Usage& now) {
  Usage& before = usage_of_[group_id];
  Usage& all = usage_of_user_[uid];
  all.groups += now.groups - before.groups;
  all.members += now.members - before.members;
  all.blob_bytes += now.blob_bytes - before.blob_bytes;
  before = now;
  if (now.groups == 0) usage_of_.erase(group_id);
  if (all.groups == 0) usage_of_user_.erase(uid);
}

// ---- liveness

void GroupMachine::StreamBroken(const std::string& group_id, StreamId stream,
                                Millis now, Effects* effects,
                                const BrokenBy& by) {
  Group* group = Known(group_id);
  if (group == nullptr) return;
  group->StreamBroken(stream, by.code, by.text, At(now, effects));
  Note(*group);
}

void GroupMachine::Detach(const std::string& group_id, StreamId stream,
                          Millis grace_ms, const std::string& text, Millis now,
                          Effects* effects) {
  Group* group = Known(group_id);
  if (group == nullptr) return;
  group->Detach(stream, now + grace_ms, text, At(now, effects));
  Note(*group);
}

void GroupMachine::TellNode(NodeNews news, const std::string& node,
                            const std::string& text) {
  PendingNews pending{news, node, text, {}};
  for (const auto& [id, group] : groups_) pending.groups.push_back(id);
  if (!pending.groups.empty()) news_.push_back(std::move(pending));
}

void GroupMachine::Spread(PendingNews* news, const Moment& moment) {
  Group* group = Known(news->groups.back());
  news->groups.pop_back();
  if (group == nullptr) return;
  switch (news->news) {
    case NodeNews::kSuspect:
      group->SuspectNode(news->node, news->text, moment);
      break;
    case NodeNews::kBack:
      group->ClearNode(news->node, news->text, moment);
      break;
    case NodeNews::kLost:
      group->LoseNode(news->node, news->text, moment.now);
      break;
  }
  Note(*group);
}

// ---- time

void GroupMachine::Note(const Group& group) {
  const std::string& id = group.record().id;
  Count(group.record().owner_uid, id, group.usage());
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
  while (!news_.empty() && !effects->dirty.full()) {
    Spread(&news_.front(), At(now, effects));
    if (news_.front().groups.empty()) news_.pop_front();
  }
  while (!due_.empty() && due_.begin()->first <= now &&
         !effects->dirty.full()) {
    const std::string id = due_.begin()->second;
    Group& group = *groups_.at(id);
    group.Tick(replanner_, At(now, effects));
    if (group.Expired(now)) {
      Erase(id, "nobody was in it for an hour", effects);
    } else {
      Note(group);
    }
  }
}

std::optional<Millis> GroupMachine::NextDeadline() const {
  // At once.
  if (!news_.empty()) return 0;
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
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
  Count(found->second->record().owner_uid, group_id, {});
  groups_.erase(found);
}

// ---- restoring

bool GroupMachine::Restore(std::unique_ptr<Group> group) {
  const std::string id = group->record().id;
  if (groups_.count(id) != 0) return false;
  Note(*group);
  return groups_.emplace(id, std::move(group)).second;
}

bool GroupMachine::Attach(const std::string& group_id,
                          const std::string& member_id, uint64_t incarnation,
                          StreamId stream) {
  Group* group = Known(group_id);
  if (group == nullptr) return false;
  const bool attached = group->Attach(member_id, incarnation, stream);
  Note(*group);
  return attached;
}

void GroupMachine::SetDetachDeadline(const std::string& group_id,
                                     uint64_t incarnation, Millis deadline) {
  Group* group = Known(group_id);
  if (group == nullptr) return;
  group->SetDetachDeadline(incarnation, deadline);
  Note(*group);
}

}  // namespace ithaca::groups
