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
             const Limits& limits, Counters* counters, Millis now,
             Effects* effects)
    : limits_(limits), slots_(command.size), board_(limits), empty_since_(now) {
  record_.id = command.group_id;
  record_.size = command.size;
  record_.plan_hash = command.plan_hash;
  record_.owner_uid = owner_uid;
  record_.create_unix_ms = command.wall_unix_ms;
  record_.epoch = ++counters->last_epoch;
  effects->dirty.counters = true;
  effects->dirty.groups.insert(record_.id);
  SetReason(kWaiting,
            absl::StrCat("nobody of ", record_.size, " has joined yet"));
}

Group::Group(Record record, const Limits& limits, Millis now)
    : record_(std::move(record)),
      limits_(limits),
      slots_(record_.size),
      board_(limits),
      empty_since_(now) {}

bool Group::RestoreSlot(Member member, const std::string& last_member_id,
                        Millis formation_timeout_ms, Millis now) {
  if (member.slot >= slots_.size()) return false;
  Slot& slot = slots_[member.slot];
  if (slot.member.has_value() || !slot.last_member_id.empty()) return false;
  slot.last_member_id = last_member_id;
  if (member.incarnation == 0) return true;
  if (!slot_of_member_.emplace(member.id, member.slot).second) return false;
  slot.formation_timeout_ms = formation_timeout_ms;
  slot.detach_deadline = now + limits_.detach_grace_ms;
  slot.formation_deadline = now + formation_timeout_ms;
  member.attached = false;
  slot.member = std::move(member);
  ++member_count_;
  empty_since_.reset();
  if (complete()) StopFormation();
  return true;
}

bool Group::RestoreBlob(Blob blob) {
  if (blob.epoch != record_.epoch || blob.data == nullptr) return false;
  return board_.Restore(std::move(blob));
}

bool Group::Attach(const std::string& member_id, uint64_t incarnation,
                   StreamId stream) {
  Slot* slot = FindMember(member_id);
  if (slot == nullptr || slot->member->incarnation != incarnation) return false;
  slot->member->attached = true;
  slot->stream = stream;
  slot->detach_deadline.reset();
  return true;
}

void Group::SetDetachDeadline(uint32_t slot, Millis deadline) {
  if (slots_[slot].detach_deadline.has_value())
    slots_[slot].detach_deadline = deadline;
}

Group::Slot* Group::FindMember(const std::string& member_id) {
  const auto found = slot_of_member_.find(member_id);
  return found == slot_of_member_.end() ? nullptr : &slots_[found->second];
}

std::vector<uint32_t> Group::FreeSlots() const {
  std::vector<uint32_t> free;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].member.has_value()) free.push_back(i);
  }
  return free;
}

std::string Group::DescribeFreeSlots() const {
  std::vector<uint32_t> free = FreeSlots();
  constexpr size_t kShown = 16;
  const size_t hidden = free.size() > kShown ? free.size() - kShown : 0;
  free.resize(free.size() - hidden);
  std::string text = absl::StrJoin(free, ", ");
  if (hidden > 0) absl::StrAppend(&text, " and ", hidden, " more");
  return text;
}

void Group::SetReason(std::string code, std::string text) {
  record_.reason_code = std::move(code);
  record_.reason = std::move(text);
}

void Group::Emit(EventType type, std::optional<Member> member, std::string code,
                 std::string text, Effects* effects) {
  auto event = std::make_shared<Event>();
  event->sequence = ++record_.sequence;
  event->type = type;
  event->epoch = record_.epoch;
  event->member = std::move(member);
  event->reason_code = std::move(code);
  event->reason = std::move(text);
  history_.push_back(event);
  if (history_.size() > limits_.max_history) history_.pop_front();
  effects->notices.push_back({record_.id, std::move(event)});
  effects->dirty.groups.insert(record_.id);
}

std::optional<std::vector<EventPtr>> Group::EventsAfter(
    uint64_t sequence) const {
  if (sequence > record_.sequence) return std::nullopt;
  const uint64_t wanted = record_.sequence - sequence;
  if (wanted > history_.size()) return std::nullopt;
  return std::vector<EventPtr>(
      history_.end() - static_cast<std::ptrdiff_t>(wanted), history_.end());
}

// ---- joining

Result<uint32_t> Group::ChooseSlot(const JoinCommand& command) const {
  if (command.slot.has_value()) {
    const uint32_t wanted = *command.slot;
    if (wanted >= slots_.size()) return NoSuchSlot(record_, wanted);
    if (!slots_[wanted].member.has_value()) return wanted;
    return SlotTaken(record_, *slots_[wanted].member);
  }
  std::optional<uint32_t> fresh, any;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].member.has_value()) continue;
    if (slots_[i].last_member_id == command.member_id) return i;
    if (!any.has_value()) any = i;
    if (!fresh.has_value() && slots_[i].last_member_id.empty()) fresh = i;
  }
  if (fresh.has_value()) return *fresh;
  if (any.has_value()) return *any;
  return GroupFull(record_);
}

Result<JoinAnswer> Group::Join(const JoinCommand& command, uint32_t pid,
                               StreamId stream, Counters* counters, Millis now,
                               Effects* effects) {
  if (command.incarnation != 0) return Resume(command, pid, stream, effects);
  Slot* present = FindMember(command.member_id);
  if (present != nullptr && present->member->attached) {
    return MemberIdInUse(record_, *present->member);
  }
  // A detached life of the same member makes way, but only for a join that
  // works.
  const bool replaces = present != nullptr;
  uint32_t slot = 0;
  if (replaces &&
      (!command.slot.has_value() || *command.slot == present->member->slot)) {
    slot = present->member->slot;
  } else {
    const Result<uint32_t> choice = ChooseSlot(command);
    if (!choice.ok()) return choice.refusal();
    slot = choice.value();
  }
  if (replaces) {
    Remove(present->member->slot,
           {EventType::kLost, "SUPERSEDED",
            absl::StrCat("a new life of ", command.member_id, " joined")},
           std::nullopt, counters, now, effects);
  }
  return Place(command, slot, pid, stream, counters, now, effects);
}

Result<JoinAnswer> Group::Resume(const JoinCommand& command, uint32_t pid,
                                 StreamId stream, Effects* effects) {
  Slot* slot = FindMember(command.member_id);
  if (slot == nullptr || slot->member->incarnation != command.incarnation) {
    return StaleIncarnation(record_, command.member_id, command.incarnation);
  }
  if (slot->stream != 0) {
    effects->ended.push_back({slot->stream, StreamReplaced(command.member_id)});
  }
  const bool was_attached = slot->member->attached;
  Attach(command.member_id, command.incarnation, stream);
  slot->member->pid = pid;
  effects->dirty.slots.insert({record_.id, slot->member->slot});
  if (!was_attached) Emit(EventType::kResumed, *slot->member, "", "", effects);
  return JoinAnswer{slot->member->slot, command.incarnation, true};
}

JoinAnswer Group::Place(const JoinCommand& command, uint32_t index,
                        uint32_t pid, StreamId stream, Counters* counters,
                        Millis now, Effects* effects) {
  Slot& slot = slots_[index];
  slot.member = Member{
      command.member_id, index, ++counters->last_incarnation, command.host, pid,
      command.endpoint,  true};
  slot.last_member_id = command.member_id;
  slot.stream = stream;
  slot.formation_timeout_ms = command.formation_timeout_ms != 0
                                  ? command.formation_timeout_ms
                                  : limits_.default_formation_timeout_ms;
  slot.formation_deadline = now + slot.formation_timeout_ms;
  slot_of_member_[command.member_id] = index;
  ++member_count_;
  empty_since_.reset();
  effects->dirty.counters = true;
  effects->dirty.slots.insert({record_.id, index});
  const JoinAnswer answer{index, slot.member->incarnation, false};
  SetReason(kWaiting, absl::StrCat(member_count_, " of ", record_.size,
                                   " members are there"));
  Emit(EventType::kJoined, *slot.member, "", "", effects);
  if (!complete()) return answer;
  StopFormation();
  SetReason(kAllPresent,
            absl::StrCat("all ", record_.size, " members are there"));
  Emit(EventType::kComplete, std::nullopt, "", "", effects);
  return answer;
}

// ---- leaving

void Group::NewEpoch(Counters* counters, Effects* effects) {
  const uint64_t old = record_.epoch;
  record_.epoch = ++counters->last_epoch;
  effects->dirty.counters = true;
  effects->dirty.groups.insert(record_.id);
  if (board_.Clear(StaleEpoch(record_, old), effects))
    effects->dirty.cleared.insert(record_.id);
}

void Group::StartFormation(Millis now) {
  for (Slot& slot : slots_) {
    if (slot.member.has_value())
      slot.formation_deadline = now + slot.formation_timeout_ms;
  }
}

void Group::StopFormation() {
  for (Slot& slot : slots_) slot.formation_deadline.reset();
}

void Group::Remove(uint32_t index, const Cause& cause,
                   std::optional<Refusal> stream_end, Counters* counters,
                   Millis now, Effects* effects) {
  Slot& slot = slots_[index];
  const Member gone = *slot.member;
  if (slot.stream != 0)
    effects->ended.push_back({slot.stream, std::move(stream_end)});
  slot_of_member_.erase(gone.id);
  const bool was_complete = complete();
  slot = Slot{};
  slot.last_member_id = gone.id;
  --member_count_;
  if (member_count_ == 0) empty_since_ = now;
  effects->dirty.slots.insert({record_.id, index});
  if (was_complete) StartFormation(now);
  NewEpoch(counters, effects);
  const bool left = cause.type == EventType::kLeft;
  SetReason(left ? "MEMBER_LEFT" : "MEMBER_LOST",
            absl::StrCat(gone.id, " (slot ", index, ") ",
                         left ? "left" : "was lost", ": ", cause.text));
  Emit(cause.type, gone, cause.code, cause.text, effects);
}

void Group::StreamBroken(StreamId stream, Counters* counters, Millis now,
                         Effects* effects) {
  for (Slot& slot : slots_) {
    if (slot.stream != stream || !slot.member.has_value()) continue;
    // It has ended by itself.
    slot.stream = 0;
    Remove(
        slot.member->slot,
        {EventType::kLost, "STREAM_BROKEN", "its process or connection ended"},
        std::nullopt, counters, now, effects);
    return;
  }
}

Result<uint64_t> Group::Leave(const Fence& fence, Counters* counters,
                              Millis now, Effects* effects) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  Remove(FindMember(fence.member_id)->member->slot,
         {EventType::kLeft, "LEFT", "it said so"}, std::nullopt, counters, now,
         effects);
  return record_.epoch;
}

void Group::Delete(const std::string& why, Effects* effects) {
  const Refusal deleted = GroupDeleted(record_, why);
  Emit(EventType::kDeleted, std::nullopt, "DELETED", why, effects);
  for (const Slot& slot : slots_) {
    if (slot.stream != 0) effects->ended.push_back({slot.stream, deleted});
  }
  board_.Clear(deleted, effects);
}

// ---- fence

std::optional<Refusal> Group::CheckFence(const Fence& fence) const {
  if (fence.epoch > record_.epoch) return UnknownEpoch(record_, fence.epoch);
  if (fence.epoch < record_.epoch) return StaleEpoch(record_, fence.epoch);
  const auto found = slot_of_member_.find(fence.member_id);
  if (found == slot_of_member_.end())
    return NotAMember(record_, fence.member_id);
  const Member& member = *slots_[found->second].member;
  if (member.incarnation == fence.incarnation) return std::nullopt;
  return StaleIncarnation(record_, fence.member_id, fence.incarnation);
}

// ---- blobs

Result<Done> Group::Publish(const Fence& fence, const std::string& name,
                            std::shared_ptr<const std::string> data,
                            Effects* effects) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  const uint32_t slot = slot_of_member_.at(fence.member_id);
  const Result<bool> added =
      board_.Publish(Blob{name, record_.epoch, slot, std::move(data)}, effects);
  if (!added.ok()) return added.refusal();
  if (added.value()) effects->dirty.blobs.insert({record_.id, name});
  return Done{};
}

Result<std::optional<Blob>> Group::GetBlob(const Fence& fence,
                                           const std::string& name,
                                           WaiterId waiter, Millis deadline,
                                           Millis now) {
  if (auto refusal = CheckFence(fence)) return *refusal;
  return board_.Get(name, waiter, deadline, now, Situation());
}

std::string Group::Situation() const {
  return absl::StrCat("group ", record_.id, ", epoch ", record_.epoch, ": ",
                      record_.reason);
}

// ---- time

void Group::Tick(Millis now, Counters* counters, Effects* effects) {
  board_.Tick(now, Situation(), effects);
  for (uint32_t i = 0; i < slots_.size() && !effects->dirty.full(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.detach_deadline.has_value() && *slot.detach_deadline <= now) {
      Remove(i,
             {EventType::kLost, "NOT_RESUMED",
              "it did not come back after a restart of the daemon"},
             std::nullopt, counters, now, effects);
    } else if (slot.formation_deadline.has_value() &&
               *slot.formation_deadline <= now) {
      const std::string text = absl::StrCat(
          "the group was not complete within ", slot.formation_timeout_ms,
          " ms: nobody holds slot ", DescribeFreeSlots());
      Remove(i, {EventType::kLost, "FORMATION_TIMEOUT", text},
             FormationTimeout(text), counters, now, effects);
    }
  }
}

std::optional<Millis> Group::NextDeadline() const {
  std::optional<Millis> next;
  const auto consider = [&next](std::optional<Millis> at) {
    if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
  };
  for (const Slot& slot : slots_) {
    consider(slot.detach_deadline);
    consider(slot.formation_deadline);
  }
  consider(board_.NextDeadline());
  if (empty_since_.has_value()) consider(*empty_since_ + limits_.empty_ttl_ms);
  return next;
}

bool Group::Expired(Millis now) const {
  return empty_since_.has_value() &&
         *empty_since_ + limits_.empty_ttl_ms <= now;
}

}  // namespace ithaca::groups
