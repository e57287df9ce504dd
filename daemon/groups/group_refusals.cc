#include "daemon/groups/group_refusals.h"

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

constexpr absl::StatusCode kStale = absl::StatusCode::kFailedPrecondition;

std::map<std::string, std::string> CurrentEpoch(const GroupRecord& group) {
  return {{"current_epoch", absl::StrCat(group.epoch)}};
}

}  // namespace

Refusal NoSuchSlot(const GroupRecord& group, uint32_t slot) {
  return InvalidRequest(
      absl::StrCat("slot: ", slot, " is not one of the group's ", group.size,
                   " slots"),
      absl::StrCat("use 0 to ", group.size - 1, ", or none"));
}

Refusal SlotTaken(const GroupRecord& group, const Member& holder) {
  return {absl::StatusCode::kAlreadyExists,
          "SLOT_TAKEN",
          absl::StrCat("slot ", holder.slot, " of group ", group.id,
                       " is held by ", holder.id),
          "join without a slot to get a free one",
          {{"holder", holder.id}}};
}

Refusal GroupFull(const GroupRecord& group) {
  return {kStale,
          "GROUP_FULL",
          absl::StrCat("all ", group.size, " slots of group ", group.id,
                       " are held"),
          "join with may_park to wait as a spare, or make a group from a plan "
          "with more ranks",
          {}};
}

Refusal MemberIdInUse(const GroupRecord& group, const Member& holder) {
  return {absl::StatusCode::kAlreadyExists,
          "MEMBER_ID_IN_USE",
          absl::StrCat(holder.id, " holds slot ", holder.slot, " of group ",
                       group.id, ", from process ", holder.pid),
          "use another member id, or end that process first",
          {{"pid", absl::StrCat(holder.pid)}}};
}

Refusal StreamReplaced(const std::string& member_id) {
  return {absl::StatusCode::kAborted,
          "STREAM_REPLACED",
          absl::StrCat(member_id, " opened a newer stream"),
          "use that one",
          {}};
}

Refusal StaleEpoch(const GroupRecord& group, uint64_t epoch) {
  return {kStale, "STALE_EPOCH",
          absl::StrCat("epoch ", epoch, " of group ", group.id,
                       " is over; the epoch in force is ", group.epoch),
          "read the new epoch and its members from the JoinGroup stream, and "
          "begin again "
          "under it",
          CurrentEpoch(group)};
}

Refusal UnknownEpoch(const GroupRecord& group, uint64_t epoch) {
  return {kStale, "UNKNOWN_EPOCH",
          absl::StrCat("group ", group.id, " never had epoch ", epoch,
                       "; the epoch in force is ", group.epoch),
          "was the store restored from an old copy, or is this another daemon? "
          "Join again",
          CurrentEpoch(group)};
}

Refusal NotAMember(const GroupRecord& group, const std::string& member_id) {
  return {kStale,
          "NOT_A_MEMBER",
          absl::StrCat("nobody in group ", group.id, " is called ", member_id),
          "join first",
          {}};
}

Refusal StaleIncarnation(const GroupRecord& group, const std::string& member_id,
                         uint64_t incarnation) {
  return {kStale, "STALE_INCARNATION",
          absl::StrCat("life ", incarnation, " of ", member_id, " in group ",
                       group.id, " has ended"),
          "join again with incarnation 0, under the epoch in force",
          CurrentEpoch(group)};
}

Refusal Parked(const GroupRecord& group, const std::string& member_id) {
  return {kStale,
          "PARKED",
          absl::StrCat(member_id, " is a spare of group ", group.id,
                       " and has no slot"),
          "wait until the JoinGroup stream says that it got one",
          {}};
}

Refusal RoundIsOver(const GroupRecord& group, const std::string& hash,
                    uint64_t round) {
  const Committed& last = group.last_commit;
  return {absl::StatusCode::kAborted,
          "COMMIT_DIFFERS",
          absl::StrCat("round ", round, " of group ", group.id,
                       " is over: round ", last.round, " is on record with ",
                       absl::BytesToHexString(last.hash),
                       ", and this vote is for ", absl::BytesToHexString(hash)),
          "vote in a higher round",
          {{"committed_round", absl::StrCat(last.round)}}};
}

Refusal GroupDeleted(const GroupRecord& group, const std::string& why) {
  return {absl::StatusCode::kNotFound,
          "GROUP_DELETED",
          absl::StrCat("group ", group.id, " was deleted: ", why),
          "create it again",
          {}};
}

Refusal FormationTimeout(const std::string& text) {
  return {absl::StatusCode::kDeadlineExceeded,
          "FORMATION_TIMEOUT",
          text,
          "start the missing ranks, or join with a longer formation_timeout",
          {}};
}

}  // namespace ithaca::groups
