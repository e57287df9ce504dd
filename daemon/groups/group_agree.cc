// Group: what members of an epoch give each other and agree on.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/groups/group.h"
#include "daemon/groups/group_refusals.h"

namespace ithaca::groups {

// ---- fence

std::optional<Refusal> Group::CheckEpoch(const Fence& fence) const {
  if (fence.epoch > record_.epoch) return UnknownEpoch(record_, fence.epoch);
  if (fence.epoch < record_.epoch) return StaleEpoch(record_, fence.epoch);
  return std::nullopt;
}

std::optional<Refusal> Group::CheckMember(const Fence& fence) const {
  if (auto refusal = CheckEpoch(fence)) return refusal;
  const Seat* seat = roster_.Find(fence.member_id);
  if (seat == nullptr) return NotAMember(record_, fence.member_id);
  if (seat->member->incarnation == fence.incarnation) return std::nullopt;
  return StaleIncarnation(record_, fence.member_id, fence.incarnation);
}

std::optional<Refusal> Group::CheckFence(const Fence& fence) const {
  if (auto refusal = CheckMember(fence)) return refusal;
  if (!roster_.Find(fence.member_id)->member->parked) return std::nullopt;
  return Parked(record_, fence.member_id);
}

// ---- blobs

Result<Done> Group::Publish(const Fence& fence, const std::string& name,
                            std::shared_ptr<const std::string> data,
                            const Moment& moment) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  const uint32_t slot = roster_.Find(fence.member_id)->member->slot;
  const Result<bool> added = board_.Publish(
      Blob{name, record_.epoch, slot, std::move(data)}, moment.effects);
  if (!added.ok()) {
    Remember(added.refusal(), moment.now);
    return added.refusal();
  }
  if (added.value()) moment.effects->dirty.blobs.insert({record_.id, name});
  return Done{};
}

Result<std::optional<Blob>> Group::GetBlob(const Fence& fence,
                                           const std::string& name,
                                           const Wait& wait, Millis now) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  const uint32_t slot = roster_.Find(fence.member_id)->member->slot;
  return board_.Get({name, slot, wait.waiter, wait.deadline}, now, Situation());
}

void Group::CancelWaiter(WaiterId waiter) {
  board_.CancelWaiter(waiter);
  meetings_.CancelWaiter(waiter);
}

// ---- barriers and votes

Result<bool> Group::Barrier(const Fence& fence, const std::string& name,
                            uint64_t round, const Wait& wait,
                            const Moment& moment) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  const auto passed = meetings_.passed().find(name);
  if (passed != meetings_.passed().end() && round <= passed->second)
    return true;
  const uint32_t slot = roster_.Find(fence.member_id)->member->slot;
  const MeetingKey key{false, name, round};
  const Result<bool> all =
      meetings_.Arrive({key, slot, "", wait.waiter, wait.deadline}, roster_,
                       moment.now, moment.effects);
  if (!all.ok()) {
    Remember(all.refusal(), moment.now);
    return all.refusal();
  }
  if (!all.value()) return false;
  meetings_.SetPassed(name, round);
  meetings_.Finish(key, {}, moment.effects);
  moment.effects->dirty.barriers.insert({record_.id, name});
  Decide("BARRIER_PASSED",
         absl::StrCat("barrier ", name, ", round ", round, " was passed"),
         moment.now);
  return true;
}

std::optional<Refusal> Group::CheckRound(const std::string& hash,
                                         uint64_t round) const {
  const Committed& last = record_.last_commit;
  if (last.epoch != record_.epoch || round == 0 || round > last.round)
    return std::nullopt;
  if (round == last.round && hash == last.hash) return std::nullopt;
  return RoundIsOver(record_, hash, round);
}

Result<std::optional<Committed>> Group::Commit(
    const Fence& fence, const std::string& hash, uint64_t round,
    int64_t wall_unix_ms, const Wait& wait, const Moment& moment) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  if (auto refusal = CheckRound(hash, round)) return *refusal;
  Committed& last = record_.last_commit;
  const bool in_epoch = last.epoch == record_.epoch;
  if (in_epoch && hash == last.hash && (round == 0 || round == last.round))
    return std::make_optional(last);
  const uint32_t slot = roster_.Find(fence.member_id)->member->slot;
  const MeetingKey key{true, "", round};
  const Result<bool> all =
      meetings_.Arrive({key, slot, hash, wait.waiter, wait.deadline}, roster_,
                       moment.now, moment.effects);
  if (!all.ok()) {
    Remember(all.refusal(), moment.now);
    return all.refusal();
  }
  if (!all.value()) return std::optional<Committed>();
  const uint64_t next = in_epoch ? last.round + 1 : 1;
  last = {record_.epoch, round != 0 ? round : next, hash, wall_unix_ms};
  moment.effects->dirty.groups.insert(record_.id);
  meetings_.Finish(key, {{}, last}, moment.effects);
  Decide("COMMITTED",
         absl::StrCat("all ", record_.size, " members voted for ",
                      absl::BytesToHexString(hash), " in round ", last.round),
         moment.now);
  return std::make_optional(last);
}

}  // namespace ithaca::groups
