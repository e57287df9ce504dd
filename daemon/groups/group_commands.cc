// GroupMachine: what callers ask for.

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/group_machine.h"
#include "daemon/groups/request_checks.h"

namespace ithaca::groups {

Result<bool> GroupMachine::Create(const Caller& caller,
                                  const CreateCommand& command, Millis now,
                                  Effects* effects) {
  if (auto refusal = CheckCreate(command, limits_)) return *refusal;
  if (Known(command.group_id) != nullptr) {
    const Result<Group*> found = FindMutable(caller, command.group_id);
    if (!found.ok()) return found.refusal();
    const Group::Record& record = found.value()->record();
    if (record.owner_uid == caller.uid &&
        (record.plan_hash == command.plan_hash ||
         record.first_plan_hash == command.plan_hash)) {
      return false;
    }
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
  if (auto refusal = CheckQuota(caller, caller.uid, {1, 0, 0})) return *refusal;
  auto group =
      std::make_unique<Group>(command, caller.uid, limits_, At(now, effects));
  effects->dirty.plans.insert(command.plan_hash);
  if (!command.plan.empty()) effects->plans[command.plan_hash] = command.plan;
  Note(*group);
  groups_.emplace(command.group_id, std::move(group));
  return true;
}

Result<JoinAnswer> GroupMachine::Join(const Caller& caller,
                                      const JoinCommand& command,
                                      StreamId stream, Millis now,
                                      Effects* effects) {
  if (auto refusal = CheckJoin(command, limits_)) return *refusal;
  Result<Group*> found = FindMutable(caller, command.group_id);
  if (!found.ok()) return found.refusal();
  Group& group = *found.value();
  std::optional<Refusal> refusal;
  if (command.incarnation == 0)
    refusal = CheckQuota(caller, group.record().owner_uid, {0, 1, 0});
  const Result<JoinAnswer> answer =
      refusal.has_value()
          ? Result<JoinAnswer>(*refusal)
          : group.Join(command, caller, stream, At(now, effects));
  if (!answer.ok()) {
    Refusal why = answer.refusal();
    why.sentence =
        absl::StrCat(command.member_id, " may not join: ", why.sentence);
    group.Remember(why, now);
  }
  Note(group);
  return answer;
}

Result<uint64_t> GroupMachine::Leave(const Caller& caller, const Fence& fence,
                                     Millis now, Effects* effects) {
  const Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  Result<uint64_t> epoch = group.value()->Leave(fence, At(now, effects));
  Note(*group.value());
  return epoch;
}

Result<Done> GroupMachine::Publish(const Caller& caller, const Fence& fence,
                                   const std::string& name, std::string data,
                                   Millis now, Effects* effects) {
  if (auto refusal = CheckName("name", name)) return *refusal;
  if (auto refusal = CheckBytes("data", data, 1, limits_.max_blob_bytes))
    return *refusal;
  const Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  if (auto refusal = CheckQuota(caller, group.value()->record().owner_uid,
                                {0, 0, data.size()})) {
    return *refusal;
  }
  Result<Done> done = group.value()->Publish(
      fence, name, std::make_shared<const std::string>(std::move(data)),
      At(now, effects));
  Note(*group.value());
  return done;
}

Result<std::optional<Blob>> GroupMachine::GetBlob(const Caller& caller,
                                                  const Fence& fence,
                                                  const std::string& name,
                                                  WaiterId waiter,
                                                  Millis wait_ms, Millis now) {
  if (auto refusal = CheckName("name", name)) return *refusal;
  if (auto refusal = CheckWait(wait_ms, limits_)) return *refusal;
  const Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  auto blob = group.value()->GetBlob(fence, name, {waiter, now + wait_ms}, now);
  Note(*group.value());
  return blob;
}

Result<bool> GroupMachine::Barrier(const Caller& caller, const Fence& fence,
                                   const std::string& name, uint64_t round,
                                   WaiterId waiter, Millis wait_ms, Millis now,
                                   Effects* effects) {
  if (auto refusal = CheckName("name", name)) return *refusal;
  if (auto refusal = CheckWait(wait_ms, limits_)) return *refusal;
  const Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  auto passed = group.value()->Barrier(
      fence, name, round, {waiter, now + wait_ms}, At(now, effects));
  Note(*group.value());
  return passed;
}

Result<std::optional<Committed>> GroupMachine::Commit(
    const Caller& caller, const Fence& fence, const Vote& vote, WaiterId waiter,
    Millis wait_ms, Millis now, Effects* effects) {
  if (auto refusal =
          CheckBytes("hash", vote.hash, 1, limits_.max_commit_bytes)) {
    return *refusal;
  }
  if (auto refusal = CheckWait(wait_ms, limits_)) return *refusal;
  const Result<Group*> group = FindFenced(caller, fence);
  if (!group.ok()) return group.refusal();
  auto committed =
      group.value()->Commit(fence, vote.hash, vote.round, vote.wall_unix_ms,
                            {waiter, now + wait_ms}, At(now, effects));
  Note(*group.value());
  return committed;
}

void GroupMachine::CancelWaiter(const std::string& group_id, WaiterId waiter) {
  Group* group = Known(group_id);
  if (group == nullptr) return;
  group->CancelWaiter(waiter);
  Note(*group);
}

Result<ReplanOutcome> GroupMachine::Replan(const Caller& caller,
                                           const ReplanCommand& command,
                                           const Replanner& replanner,
                                           Millis now, Effects* effects) {
  const Result<Group*> group = command.fence.member_id.empty()
                                   ? FindMutable(caller, command.fence.group_id)
                                   : FindFenced(caller, command.fence);
  if (!group.ok()) return group.refusal();
  auto outcome = group.value()->Replan(command, replanner, At(now, effects));
  Note(*group.value());
  return outcome;
}

Result<Done> GroupMachine::Delete(const Caller& caller,
                                  const std::string& group_id, bool force,
                                  Effects* effects) {
  const Result<Group*> group = FindMutable(caller, group_id);
  if (!group.ok()) return group.refusal();
  const size_t members = group.value()->usage().members;
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

std::vector<const Group*> GroupMachine::List(const Caller& caller,
                                             const std::string& after,
                                             size_t limit) const {
  std::vector<const Group*> page;
  for (auto it = groups_.upper_bound(after);
       it != groups_.end() && page.size() < limit; ++it) {
    if (Find(caller, it->first).ok()) page.push_back(it->second.get());
  }
  return page;
}

}  // namespace ithaca::groups
