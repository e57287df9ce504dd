#include "daemon/groups/roster.h"

#include <algorithm>

namespace ithaca::groups {

Roster::Roster(uint32_t size) : slots_(size) {
  for (uint32_t i = 0; i < size; ++i) {
    free_.insert(free_.end(), i);
    fresh_.insert(fresh_.end(), i);
  }
}

Seat* Roster::Find(const std::string& member_id) {
  const auto found = by_id_.find(member_id);
  return found == by_id_.end() ? nullptr : found->second;
}

const Seat* Roster::Find(const std::string& member_id) const {
  const auto found = by_id_.find(member_id);
  return found == by_id_.end() ? nullptr : found->second;
}

Seat* Roster::FindStream(StreamId stream) {
  const auto found = by_stream_.find(stream);
  return found == by_stream_.end() ? nullptr : found->second;
}

const Seat* Roster::FindLife(uint64_t incarnation) const {
  const auto found = by_life_.find(incarnation);
  return found == by_life_.end() ? nullptr : found->second;
}

std::optional<uint32_t> Roster::ChooseFree(const std::string& member_id) const {
  const auto own = by_last_id_.find(member_id);
  if (own != by_last_id_.end()) return own->second;
  if (!fresh_.empty()) return *fresh_.begin();
  if (!free_.empty()) return *free_.begin();
  return std::nullopt;
}

void Roster::Index(Seat* seat) {
  by_id_[seat->member->id] = seat;
  by_life_[seat->member->incarnation] = seat;
  if (seat->stream != 0) by_stream_[seat->stream] = seat;
}

void Roster::Unindex(Seat* seat) {
  by_id_.erase(seat->member->id);
  SetStream(seat, 0);
  SetFormationDeadline(seat, std::nullopt);
  SetDetachDeadline(seat, std::nullopt);
}

Seat& Roster::Take(Member member, uint32_t slot, StreamId stream,
                   Millis formation_timeout_ms) {
  Seat& seat = slots_[slot];
  by_life_.erase(seat.last_incarnation);
  ForgetLast(slot);
  free_.erase(slot);
  fresh_.erase(slot);
  member.slot = slot;
  member.parked = false;
  seat = Seat{};
  seat.last_member_id = member.id;
  seat.last_incarnation = member.incarnation;
  seat.formation_timeout_ms = formation_timeout_ms;
  seat.stream = stream;
  seat.member = std::move(member);
  ++member_count_;
  Index(&seat);
  return seat;
}

Seat& Roster::Park(Member member, StreamId stream,
                   Millis formation_timeout_ms) {
  Seat& seat = spares_[member.incarnation];
  member.slot = 0;
  member.parked = true;
  seat.formation_timeout_ms = formation_timeout_ms;
  seat.stream = stream;
  seat.member = std::move(member);
  Index(&seat);
  return seat;
}

// A member's former slot is its latest, though an older one may remember it
// too.
void Roster::ForgetLast(uint32_t slot) {
  const auto last = by_last_id_.find(slots_[slot].last_member_id);
  if (last != by_last_id_.end() && last->second == slot)
    by_last_id_.erase(last);
}

void Roster::SetLast(uint32_t slot, const std::string& member_id,
                     uint64_t incarnation) {
  Seat& seat = slots_[slot];
  seat.last_member_id = member_id;
  seat.last_incarnation = incarnation;
  by_life_[incarnation] = &seat;
  by_last_id_[member_id] = slot;
  fresh_.erase(slot);
}

Seat Roster::Vacate(Seat* seat) {
  Seat gone = *seat;
  Unindex(seat);
  if (gone.member->parked) {
    by_life_.erase(gone.member->incarnation);
    spares_.erase(gone.member->incarnation);
    return gone;
  }
  const uint32_t slot = gone.member->slot;
  *seat = Seat{};
  free_.insert(slot);
  --member_count_;
  SetLast(slot, gone.member->id, gone.member->incarnation);
  return gone;
}

void Roster::SetStream(Seat* seat, StreamId stream) {
  if (seat->stream != 0) by_stream_.erase(seat->stream);
  seat->stream = stream;
  if (stream != 0) by_stream_[stream] = seat;
}

// A seat is in the set once, under the earlier of its two deadlines.
void Roster::SetDeadline(Seat* seat, std::optional<Millis>* deadline,
                         std::optional<Millis> at) {
  const auto earliest = [seat]() -> std::optional<Millis> {
    if (!seat->formation_deadline.has_value()) return seat->detach_deadline;
    if (!seat->detach_deadline.has_value()) return seat->formation_deadline;
    return std::min(*seat->formation_deadline, *seat->detach_deadline);
  };
  const std::optional<Millis> before = earliest();
  *deadline = at;
  const std::optional<Millis> now = earliest();
  if (before == now) return;
  if (before.has_value()) due_.erase({*before, seat});
  if (now.has_value()) due_.insert({*now, seat});
}

void Roster::SetFormationDeadline(Seat* seat, std::optional<Millis> at) {
  SetDeadline(seat, &seat->formation_deadline, at);
}

void Roster::SetDetachDeadline(Seat* seat, std::optional<Millis> at) {
  SetDeadline(seat, &seat->detach_deadline, at);
}

void Roster::StartFormation(Millis now) {
  for (Seat& seat : slots_) {
    if (seat.member.has_value())
      SetFormationDeadline(&seat, now + seat.formation_timeout_ms);
  }
}

void Roster::StopFormation() {
  for (Seat& seat : slots_) SetFormationDeadline(&seat, std::nullopt);
}

std::optional<std::pair<Millis, Seat*>> Roster::NextDue() const {
  if (due_.empty()) return std::nullopt;
  return *due_.begin();
}

}  // namespace ithaca::groups
