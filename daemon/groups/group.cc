#include "daemon/groups/group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/groups/group_refusals.h"

namespace ithaca::groups {
namespace {

constexpr char kWaiting[] = "WAITING_FOR_MEMBERS";
constexpr char kAllPresent[] = "ALL_PRESENT";

}  // namespace

Group::Group(const CreateCommand& command, uint32_t owner_uid,
             const Limits& limits, const Moment& moment)
    : limits_(limits),
      roster_(command.size),
      board_(limits),
      meetings_(limits),
      log_(limits),
      empty_since_(moment.now) {
  record_.id = command.group_id;
  record_.size = command.size;
  record_.plan_hash = command.plan_hash;
  record_.first_plan_hash = command.plan_hash;
  record_.owner_uid = owner_uid;
  record_.create_unix_ms = command.wall_unix_ms;
  record_.on_loss = command.on_loss;
  record_.min_size = std::max(1u, command.min_size);
  record_.constraints = command.constraints;
  record_.mesh = command.mesh;
  record_.epoch = ++moment.counters->last_epoch;
  moment.effects->dirty.counters = true;
  moment.effects->dirty.groups.insert(record_.id);
  SetReason(kWaiting,
            absl::StrCat("nobody of ", record_.size, " has joined yet"));
  Decide("CREATED", absl::StrCat("user ", owner_uid, " created it"),
         moment.now);
}

Group::Group(Record record, const Limits& limits, Millis now)
    : record_(std::move(record)),
      limits_(limits),
      roster_(record_.size),
      board_(limits),
      meetings_(limits),
      log_(limits),
      empty_since_(now) {
  Decide("RESTORED",
         absl::StrCat("read from the store; before: ", record_.reason), now);
}

bool Group::RestoreMember(Member member, Millis formation_timeout_ms,
                          Millis now) {
  if (member.incarnation == 0 || roster_.Find(member.id) != nullptr ||
      roster_.FindLife(member.incarnation) != nullptr) {
    return false;
  }
  member.attached = false;
  Seat* seat = nullptr;
  if (member.parked) {
    seat = &roster_.Park(std::move(member), 0, formation_timeout_ms);
  } else {
    const uint32_t slot = member.slot;
    if (roster_.free_slots().count(slot) == 0) return false;
    seat = &roster_.Take(std::move(member), slot, 0, formation_timeout_ms);
    roster_.SetFormationDeadline(seat, now + formation_timeout_ms);
  }
  roster_.SetDetachDeadline(seat, now + limits_.detach_grace_ms);
  empty_since_.reset();
  return true;
}

bool Group::RestoreGone(const Member& member) {
  if (roster_.free_slots().count(member.slot) == 0 ||
      roster_.slots()[member.slot].last_incarnation != 0 ||
      roster_.FindLife(member.incarnation) != nullptr) {
    return false;
  }
  roster_.SetLast(member.slot, member.id, member.incarnation);
  return true;
}

bool Group::RestoreBlob(Blob blob) {
  if (blob.epoch != record_.epoch || blob.data == nullptr) return false;
  return board_.Restore(std::move(blob));
}

void Group::RestoreBarrier(const std::string& name, uint64_t round) {
  meetings_.SetPassed(name, round);
}

void Group::FinishRestoring(Millis now) {
  announced_ = complete();
  if (complete()) return roster_.StopFormation();
  if (record_.formed && record_.on_loss == OnLoss::kReplan)
    replan_at_ = now + limits_.replan_settle_ms;
}

bool Group::Attach(const std::string& member_id, uint64_t incarnation,
                   StreamId stream) {
  Seat* seat = roster_.Find(member_id);
  if (seat == nullptr || seat->member->incarnation != incarnation) return false;
  seat->member->attached = true;
  seat->member->suspect = false;
  seat->gone_code.clear();
  seat->gone_text.clear();
  roster_.SetStream(seat, stream);
  roster_.SetDetachDeadline(seat, std::nullopt);
  unsettled_ = true;
  return true;
}

void Group::SetDetachDeadline(uint64_t incarnation, Millis deadline) {
  const Seat* known = roster_.FindLife(incarnation);
  if (known == nullptr || !known->detach_deadline.has_value()) return;
  roster_.SetDetachDeadline(roster_.Find(known->member->id), deadline);
}

Usage Group::usage() const {
  return {1, roster_.member_count() + roster_.spares().size(), board_.bytes()};
}

std::string Group::DescribeFreeSlots() const {
  constexpr size_t kShown = 16;
  const std::set<uint32_t>& free = roster_.free_slots();
  auto end = free.begin();
  for (size_t i = 0; i < kShown && end != free.end(); ++i) ++end;
  std::string text = absl::StrJoin(free.begin(), end, ", ");
  if (free.size() > kShown)
    absl::StrAppend(&text, " and ", free.size() - kShown, " more");
  return text;
}

void Group::SetReason(std::string code, std::string text) {
  record_.reason_code = std::move(code);
  record_.reason = std::move(text);
}

std::string Group::Situation() const {
  return absl::StrCat("group ", record_.id, ", epoch ", record_.epoch, ": ",
                      record_.reason);
}

void Group::Decide(const std::string& code, const std::string& text,
                   Millis now) {
  log_.AddDecision({now, record_.epoch, code, text});
}

void Group::Remember(const Refusal& refusal, Millis now) {
  Decide(refusal.reason, refusal.sentence, now);
}

// ---- joining

Result<std::optional<uint32_t>> Group::ChooseSlot(
    const JoinCommand& command) const {
  using Choice = std::optional<uint32_t>;
  if (command.slot.has_value()) {
    const uint32_t wanted = *command.slot;
    if (wanted >= record_.size) return NoSuchSlot(record_, wanted);
    const std::optional<Member>& holder = roster_.slots()[wanted].member;
    if (!holder.has_value()) return Choice(wanted);
    if (command.may_park) return Choice();
    return SlotTaken(record_, *holder);
  }
  const Choice choice = roster_.ChooseFree(command.member_id);
  if (choice.has_value() || command.may_park) return choice;
  return GroupFull(record_);
}

Result<JoinAnswer> Group::Join(const JoinCommand& command, const Caller& caller,
                               StreamId stream, const Moment& moment) {
  if (command.incarnation != 0) return Resume(command, caller, stream, moment);
  Seat* present = roster_.Find(command.member_id);
  if (present != nullptr && present->member->attached)
    return MemberIdInUse(record_, *present->member);
  // A detached life of the same member makes way, but only for a join that
  // works.
  std::optional<uint32_t> slot;
  if (present != nullptr && !present->member->parked &&
      (!command.slot.has_value() || *command.slot == present->member->slot)) {
    slot = present->member->slot;
  } else {
    const auto choice = ChooseSlot(command);
    if (!choice.ok()) return choice.refusal();
    slot = choice.value();
  }
  if (present != nullptr) {
    Remove(present,
           {EventType::kLost, "SUPERSEDED",
            absl::StrCat("a new life of ", command.member_id, " joined")},
           std::nullopt, moment);
  }
  JoinAnswer answer = Place(command, caller, slot, stream, moment);
  Settle(moment);
  const Seat* seat = roster_.Find(command.member_id);
  answer.slot = seat->member->slot;
  answer.parked = seat->member->parked;
  return answer;
}

Result<JoinAnswer> Group::Resume(const JoinCommand& command,
                                 const Caller& caller, StreamId stream,
                                 const Moment& moment) {
  Seat* seat = roster_.Find(command.member_id);
  if (seat == nullptr || seat->member->incarnation != command.incarnation)
    return StaleIncarnation(record_, command.member_id, command.incarnation);
  if (seat->stream != 0) {
    moment.effects->ended.push_back(
        {seat->stream, StreamReplaced(command.member_id)});
  }
  const bool was_here = seat->member->attached && !seat->member->suspect;
  Attach(command.member_id, command.incarnation, stream);
  seat->member->pid = caller.pid;
  seat->member->node = caller.node;
  moment.effects->dirty.members.insert({record_.id, command.incarnation});
  if (!was_here) Emit(EventType::kResumed, *seat->member, "", "", moment);
  JoinAnswer answer{0, command.incarnation, true, false};
  Settle(moment);
  const Member& member = *roster_.Find(command.member_id)->member;
  answer.slot = member.slot;
  answer.parked = member.parked;
  return answer;
}

JoinAnswer Group::Place(const JoinCommand& command, const Caller& caller,
                        std::optional<uint32_t> slot, StreamId stream,
                        const Moment& moment) {
  Member member{command.member_id,
                slot.value_or(0),
                ++moment.counters->last_incarnation,
                command.host,
                caller.pid,
                command.endpoint,
                true,
                caller.node};
  const JoinAnswer answer{slot.value_or(0), member.incarnation, false,
                          !slot.has_value()};
  const Millis timeout = command.formation_timeout_ms != 0
                             ? command.formation_timeout_ms
                             : limits_.default_formation_timeout_ms;
  empty_since_.reset();
  moment.effects->dirty.counters = true;
  moment.effects->dirty.members.insert({record_.id, member.incarnation});
  if (!slot.has_value()) {
    const Seat& seat = roster_.Park(std::move(member), stream, timeout);
    Emit(EventType::kParked, *seat.member, "GROUP_FULL",
         absl::StrCat("all ", record_.size,
                      " slots, or the one it wants, are "
                      "held: it is spare number ",
                      roster_.spares().size()),
         moment);
    return answer;
  }
  Sit(std::move(member), *slot, stream, timeout, moment);
  SetReason(kWaiting, absl::StrCat(roster_.member_count(), " of ", record_.size,
                                   " members are there"));
  Emit(EventType::kJoined, *roster_.slots()[*slot].member, "", "", moment);
  return answer;
}

void Group::Sit(Member member, uint32_t slot, StreamId stream,
                Millis formation_timeout_ms, const Moment& moment) {
  const uint64_t former = roster_.slots()[slot].last_incarnation;
  if (former != 0) moment.effects->dirty.members.insert({record_.id, former});
  Seat& seat =
      roster_.Take(std::move(member), slot, stream, formation_timeout_ms);
  roster_.SetFormationDeadline(&seat, moment.now + formation_timeout_ms);
}

void Group::Promote(const Moment& moment) {
  auto spare = roster_.spares().begin();
  while (spare != roster_.spares().end() && !roster_.complete()) {
    const Member& waiting = *spare->second.member;
    ++spare;
    if (!waiting.attached || waiting.suspect) continue;
    const Seat seat = roster_.Vacate(roster_.Find(waiting.id));
    const uint32_t slot = *roster_.ChooseFree(seat.member->id);
    const std::string former = roster_.slots()[slot].last_member_id;
    Sit(*seat.member, slot, seat.stream, seat.formation_timeout_ms, moment);
    // A new seating is written as a whole.
    if (moment.effects->dirty.seatings.count(record_.id) == 0) {
      moment.effects->dirty.members.insert(
          {record_.id, seat.member->incarnation});
    }
    moment.effects->assigned.push_back(
        {record_.id, seat.member->id, seat.stream});
    const std::string text =
        absl::StrCat("spare ", seat.member->id, " takes slot ", slot,
                     former.empty() ? "" : " of ", former);
    SetReason(kWaiting, text);
    Emit(EventType::kPromoted, *roster_.slots()[slot].member, "SLOT_FREE", text,
         moment);
  }
}

void Group::Settle(const Moment& moment) {
  unsettled_ = false;
  Promote(moment);
  if (!complete()) return;
  replan_at_.reset();
  if (announced_) return;
  announced_ = true;
  record_.formed = true;
  roster_.StopFormation();
  SetReason(kAllPresent,
            absl::StrCat("all ", record_.size, " members are there"));
  Emit(EventType::kComplete, std::nullopt, "", "", moment);
}

// ---- leaving

Result<uint64_t> Group::Leave(const Fence& fence, const Moment& moment) {
  if (auto refusal = CheckMember(fence)) return *refusal;
  Remove(roster_.Find(fence.member_id),
         {EventType::kLeft, "LEFT", "it said so"}, std::nullopt, moment);
  Settle(moment);
  return record_.epoch;
}

void Group::Remove(Seat* seat, const Cause& cause,
                   std::optional<Refusal> stream_end, const Moment& moment) {
  const Seat gone = roster_.Vacate(seat);
  const Member& member = *gone.member;
  if (gone.stream != 0)
    moment.effects->ended.push_back({gone.stream, std::move(stream_end)});
  moment.effects->dirty.members.insert({record_.id, member.incarnation});
  if (roster_.empty()) empty_since_ = moment.now;
  if (member.parked)
    return Emit(cause.type, member, cause.code, cause.text, moment);
  if (announced_) roster_.StartFormation(moment.now);
  announced_ = false;
  if (record_.formed && record_.on_loss == OnLoss::kReplan &&
      !replan_at_.has_value()) {
    replan_at_ = moment.now + limits_.replan_settle_ms;
  }
  NewEpoch(moment);
  const bool left = cause.type == EventType::kLeft;
  SetReason(left ? "MEMBER_LEFT" : "MEMBER_LOST",
            absl::StrCat(member.id, " (slot ", member.slot, ") ",
                         left ? "left" : "was lost", ": ", cause.text));
  Emit(cause.type, member, cause.code, cause.text, moment);
}

void Group::NewEpoch(const Moment& moment) {
  const uint64_t old = record_.epoch;
  record_.epoch = ++moment.counters->last_epoch;
  moment.effects->dirty.counters = true;
  moment.effects->dirty.groups.insert(record_.id);
  const Refusal stale = StaleEpoch(record_, old);
  const bool had_blobs = board_.Clear(stale, moment.effects);
  const bool had_barriers = meetings_.Clear(stale, moment.effects);
  if (had_blobs || had_barriers)
    moment.effects->dirty.cleared.insert(record_.id);
}

void Group::Delete(const std::string& why, Effects* effects) {
  const Refusal deleted = GroupDeleted(record_, why);
  Counters unused;
  Emit(EventType::kDeleted, std::nullopt, "DELETED", why,
       {0, &unused, effects});
  const auto end = [&](const Seat& seat) {
    if (seat.stream != 0) effects->ended.push_back({seat.stream, deleted});
  };
  for (const Seat& seat : roster_.slots()) end(seat);
  for (const auto& [life, seat] : roster_.spares()) end(seat);
  board_.Clear(deleted, effects);
  meetings_.Clear(deleted, effects);
}

void Group::Emit(EventType type, std::optional<Member> member, std::string code,
                 std::string text, const Moment& moment) {
  auto event = std::make_shared<Event>();
  event->sequence = ++record_.sequence;
  event->type = type;
  event->epoch = record_.epoch;
  event->member = std::move(member);
  event->reason_code = std::move(code);
  event->reason = std::move(text);
  log_.AddEvent(event);
  log_.AddDecision(DecisionOf(*event, moment.now));
  moment.effects->notices.push_back({record_.id, std::move(event)});
  moment.effects->dirty.groups.insert(record_.id);
}

}  // namespace ithaca::groups
