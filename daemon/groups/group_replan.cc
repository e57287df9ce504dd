// Group: another plan for those who are left, or for nodes that have come.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/group.h"
#include "daemon/groups/group_refusals.h"

namespace ithaca::groups {
namespace {

// Records of members long gone that one change of plan deletes; what is left is
// ignored when it is read, and goes with the group.
constexpr size_t kForgottenAtOnce = 32;

}  // namespace

ReplanOutcome Group::Outcome(const ReplanCommand& command,
                             ReplanAnswer answer) const {
  const std::set<uint32_t> given_up(command.lost_slots.begin(),
                                    command.lost_slots.end());
  std::vector<std::optional<uint32_t>> new_of_old(record_.size);
  for (uint32_t i = 0; i < answer.old_ranks.size(); ++i) {
    const std::optional<uint32_t> old = answer.old_ranks[i];
    if (old.has_value() && given_up.count(*old) == 0) new_of_old[*old] = i;
  }
  ReplanOutcome outcome;
  for (uint32_t old = 0; old < record_.size; ++old) {
    const std::optional<Member>& member = roster_.slots()[old].member;
    if (!member.has_value() || new_of_old[old] == old) continue;
    outcome.moves.push_back({member->id, old, new_of_old[old]});
  }
  outcome.answer = std::move(answer);
  return outcome;
}

Result<ReplanOutcome> Group::Replan(const ReplanCommand& command,
                                    const Replanner& replanner,
                                    const Moment& moment) {
  if (auto refusal = command.fence.member_id.empty()
                         ? CheckEpoch(command.fence)
                         : CheckMember(command.fence)) {
    return *refusal;
  }
  std::set<uint32_t> lost = roster_.free_slots();
  for (uint32_t slot : command.lost_slots) {
    if (slot >= record_.size) return NoSuchSlot(record_, slot);
    lost.insert(slot);
  }
  Result<ReplanAnswer> answer = replanner({record_.plan_hash,
                                           record_.constraints,
                                           {lost.begin(), lost.end()},
                                           record_.min_size,
                                           command.goal});
  if (!answer.ok()) {
    Remember(answer.refusal(), moment.now);
    return answer.refusal();
  }
  ReplanOutcome outcome = Outcome(command, std::move(answer.value()));
  if (command.dry_run) return outcome;
  Apply(command,
        {EventType::kReplanned, "REPLAN_ASKED",
         absl::StrCat("asked for: ", outcome.answer.text)},
        outcome, moment);
  return outcome;
}

void Group::ReplanOnLoss(const Replanner& replanner, const Moment& moment) {
  replan_at_.reset();
  // Without anybody there is nothing to go on with; the plan stays for those
  // who come.
  if (roster_.member_count() == 0) return;
  const std::set<uint32_t>& lost = roster_.free_slots();
  const Result<ReplanAnswer> answer = replanner({record_.plan_hash,
                                                 record_.constraints,
                                                 {lost.begin(), lost.end()},
                                                 record_.min_size,
                                                 ReplanGoal::kMostRanks});
  if (!answer.ok()) {
    Remember(answer.refusal(), moment.now);
    SetReason(answer.refusal().reason,
              absl::StrCat("waits for members: ", answer.refusal().sentence));
    moment.effects->dirty.groups.insert(record_.id);
    return;
  }
  Apply({},
        {EventType::kReplanned, "REPLAN_ON_LOSS",
         absl::StrCat("after the loss of slot ", DescribeFreeSlots(), ": ",
                      answer.value().text)},
        Outcome({}, answer.value()), moment);
}

// Everybody is moved to a new roster, with stream and deadlines; those without
// a slot in the new plan park.
void Group::Apply(const ReplanCommand& command, const Cause& cause,
                  const ReplanOutcome& outcome, const Moment& moment) {
  const ReplanAnswer& answer = outcome.answer;
  Effects* effects = moment.effects;
  const uint32_t size = static_cast<uint32_t>(answer.old_ranks.size());
  const Roster old = std::exchange(roster_, Roster(size));
  effects->dirty.plans.insert(record_.plan_hash);
  effects->dirty.plans.insert(answer.plan_hash);
  effects->plans[answer.plan_hash] = answer.plan;
  effects->dirty.seatings.insert(record_.id);
  effects->renewed.insert(record_.id);
  record_.plan_hash = answer.plan_hash;
  record_.mesh = answer.mesh;
  record_.size = size;
  record_.min_size = std::min(record_.min_size, size);
  ++record_.seating;
  record_.formed = false;
  announced_ = false;
  replan_at_.reset();
  NewEpoch(moment);
  SetReason("REPLANNED", cause.text);
  Emit(cause.type, std::nullopt, cause.code, cause.text, moment);

  const auto keep = [&](const Seat& was, Seat* seat) {
    seat->gone_code = was.gone_code;
    seat->gone_text = was.gone_text;
    roster_.SetDetachDeadline(seat, was.detach_deadline);
    if (was.stream != 0)
      effects->assigned.push_back({record_.id, was.member->id, was.stream});
  };
  const std::set<uint32_t> given_up(command.lost_slots.begin(),
                                    command.lost_slots.end());
  for (uint32_t i = 0; i < size; ++i) {
    const std::optional<uint32_t> from = answer.old_ranks[i];
    if (!from.has_value() || given_up.count(*from) != 0) continue;
    const Seat& was = old.slots()[*from];
    if (!was.member.has_value()) continue;
    Seat& seat =
        roster_.Take(*was.member, i, was.stream, was.formation_timeout_ms);
    roster_.SetFormationDeadline(&seat, moment.now + was.formation_timeout_ms);
    keep(was, &seat);
  }
  for (const auto& [life, was] : old.spares())
    keep(was, &roster_.Park(*was.member, was.stream, was.formation_timeout_ms));
  size_t forgotten = 0;
  for (const Seat& was : old.slots()) {
    if (!was.member.has_value()) {
      if (was.last_incarnation != 0 && ++forgotten <= kForgottenAtOnce)
        effects->dirty.members.insert({record_.id, was.last_incarnation});
      continue;
    }
    if (roster_.Find(was.member->id) != nullptr) continue;
    Seat& seat =
        roster_.Park(*was.member, was.stream, was.formation_timeout_ms);
    keep(was, &seat);
    Emit(EventType::kParked, *seat.member, "NO_SLOT_IN_PLAN",
         absl::StrCat("the new plan has no place for slot ", was.member->slot),
         moment);
  }
  Settle(moment);
}

}  // namespace ithaca::groups
