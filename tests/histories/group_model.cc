#include "tests/histories/group_model.h"

#include <algorithm>
#include <utility>

namespace ithaca::histories {
namespace {

using Kind = GroupCall::Kind;

// The fence holds; an incarnation and an epoch are learnt from it.
bool PassFence(const GroupCall& call, GroupState* state) {
  MemberSeen* member = state->FindMember(call.member);
  if (!state->exists || !GroupState::IsLife(member, call.incarnation) ||
      !state->LearnEpoch(call.epoch))
    return false;
  member->incarnation = call.incarnation;
  return true;
}

bool IsFenceRefusal(const std::string& reason) {
  return reason == "STALE_EPOCH" || reason == "UNKNOWN_EPOCH" ||
         reason == "NOT_A_MEMBER" || reason == "STALE_INCARNATION" ||
         reason == "PARKED";
}

// Was the fence stale, as the daemon says?
bool FenceRefuses(const GroupCall& call, GroupState* state) {
  if (call.reason == "STALE_EPOCH")
    return state->LearnEpoch(call.told_epoch) && call.epoch < state->epoch;
  if (call.reason == "UNKNOWN_EPOCH")
    return call.epoch > std::max(state->epoch, state->epoch_floor + 1);
  const MemberSeen* member = state->FindMember(call.member);
  const MemberSeen* spare = state->FindSpare(call.member);
  if (call.reason == "PARKED") return spare != nullptr;
  if (call.reason == "NOT_A_MEMBER") return member == nullptr;
  const MemberSeen* life = member != nullptr ? member : spare;
  if (life != nullptr) return life->incarnation != call.incarnation;
  // Without a fence to check before, the life is all there is to refuse.
  return call.kind == Kind::kResume;
}

// Joined members may be told the group as of another moment.
bool LearnAnyView(const GroupCall& call, GroupState* state) {
  return call.view.epoch == 0 || state->LearnView(call.view);
}

bool StepCreate(const GroupCall& call, GroupState* state) {
  if (!call.answered || call.created) {
    if (state->exists) return false;
    const uint64_t floor = std::max(state->epoch, state->epoch_floor);
    if (call.answered && call.view.epoch <= floor) return false;
    state->Create(call.answered ? call.view.epoch : 0);
  }
  return state->exists && (!call.answered || state->LearnView(call.view));
}

// A life whose number the member was told is lost under that number.
bool StepLost(const GroupCall& call, GroupState* state) {
  const MemberSeen* member = state->FindMember(call.member);
  if (member == nullptr) member = state->FindSpare(call.member);
  if (member == nullptr ||
      (call.incarnation != 0 && member->incarnation != call.incarnation))
    return false;
  state->Remove(call.member);
  return true;
}

bool StepDelete(const GroupCall& call, GroupState* state) {
  const bool empty = state->members.empty() && state->spares.empty();
  if (!state->exists || (!call.force && !empty)) return false;
  state->Delete();
  return true;
}

bool StepLeave(const GroupCall& call, GroupState* state) {
  const bool is_spare = state->FindMember(call.member) == nullptr;
  const MemberSeen* spare = state->FindSpare(call.member);
  if (is_spare && (!GroupState::IsLife(spare, call.incarnation) ||
                   !state->LearnEpoch(call.epoch)))
    return false;
  if (!is_spare && !PassFence(call, state)) return false;
  state->Remove(call.member);
  return !call.answered || state->LearnEpoch(call.told_epoch);
}

bool StepPublish(const GroupCall& call, GroupState* state) {
  const auto [blob, is_new] = state->blobs.emplace(call.name, call.data);
  return is_new || blob->second == call.data;
}

bool StepGetBlob(const GroupCall& call, const GroupState& state) {
  const auto blob = state.blobs.find(call.name);
  return blob != state.blobs.end() && blob->second == call.got_data;
}

bool StepArrive(const GroupCall& call, uint32_t size, GroupState* state) {
  const auto before = state->arrivals.find({call.meeting, call.member});
  if (before != state->arrivals.end() && before->second.attempt >= call.attempt)
    return false;
  if (state->met.count(call.meeting) != 0) return false;
  state->Arrive(call.meeting, call.member, call.attempt, call.data, size);
  return true;
}

bool HasMet(const GroupCall& call, const GroupState& state) {
  const auto met = state.met.find(call.meeting);
  return met != state.met.end() && met->second == call.data;
}

bool MeetingDiffers(const GroupCall& call, const GroupState& state) {
  const auto met = state.met.find(call.meeting);
  return state.differs.count(call.meeting) != 0 ||
         (met != state.met.end() && met->second != call.data);
}

// The only epoch under which the call can have its answer; 0: any.
uint64_t EpochOf(const GroupCall& call) {
  if (!call.answered) return 0;
  if (call.reason == "STALE_EPOCH") return call.told_epoch;
  if (!call.reason.empty()) return 0;
  switch (call.kind) {
    case Kind::kCreate:
    case Kind::kJoin:
    case Kind::kResume:
    case Kind::kGet:
      return call.view.epoch;
    case Kind::kLeave:
    case Kind::kPublish:
    case Kind::kGetBlob:
    case Kind::kMeet:
      return call.epoch;
    default:
      return 0;
  }
}

}  // namespace

bool GroupModel::StepResume(const Call& call, State* state) const {
  MemberSeen* member = state->FindMember(call.member);
  const bool parked = member == nullptr;
  if (parked) member = state->FindSpare(call.member);
  if (!state->exists || !GroupState::IsLife(member, call.incarnation))
    return false;
  member->incarnation = call.incarnation;
  // Whether it is an event depends on whether the daemon had missed it.
  state->sequence_known = false;
  if (!call.answered) return true;
  // A spare that comes back may get a slot at once.
  if (parked && away_) return true;
  if (call.parked != parked || !LearnAnyView(call, state)) return false;
  if (parked) return true;
  const auto slot = state->members.find(call.got_slot);
  return slot != state->members.end() && slot->second.id == call.member;
}

// Spares take what is free.
void GroupModel::Settle(const State& state, std::vector<State>* next) const {
  bool waits = false;
  for (uint32_t slot = 0; slot < size_; ++slot) {
    if (state.members.count(slot) != 0) continue;
    for (size_t i = 0; i < state.spares.size() && (away_ || !waits); ++i) {
      State after = state;
      after.Promote(i, slot);
      Settle(after, next);
      waits = true;
    }
  }
  if (away_ || !waits) next->push_back(state);
}

// Whether the group, as it is, refuses the call for this reason.
bool GroupModel::Refuses(const Call& call, State* state) const {
  const std::string& reason = call.reason;
  if (reason == "GROUP_NOT_FOUND" || reason == "GROUP_DELETED")
    return !state->exists;
  if (!state->exists) return false;
  if (IsFenceRefusal(reason)) return FenceRefuses(call, state);
  if (reason == "MEMBERS_PRESENT")
    return !state->members.empty() || !state->spares.empty();
  if (reason == "MEMBER_ID_IN_USE")
    return state->FindMember(call.member) != nullptr ||
           state->FindSpare(call.member) != nullptr;
  if (reason == "SLOT_TAKEN")
    return call.slot.has_value() && state->members.count(*call.slot) != 0;
  if (reason == "GROUP_FULL") return state->members.size() == size_;
  // The others are about what is in the epoch.
  if (!PassFence(call, state)) return false;
  const auto blob = state->blobs.find(call.name);
  if (reason == "BLOB_NOT_PUBLISHED") return blob == state->blobs.end();
  if (reason == "BLOB_CONFLICT")
    return blob != state->blobs.end() && blob->second != call.data;
  if (reason == "COMMIT_DIFFERS") return MeetingDiffers(call, *state);
  if (reason != "COMMIT_TIMEOUT" && reason != "BARRIER_TIMEOUT") return false;
  if (HasMet(call, *state)) return false;
  state->Withdraw(call.meeting, call.member, call.attempt);
  return true;
}

void GroupModel::StepJoin(const State& state, const Call& call,
                          std::vector<State>* next) const {
  State after = state;
  if (!state.exists || after.FindMember(call.member) != nullptr ||
      after.FindSpare(call.member) != nullptr)
    return;
  const MemberSeen member{call.member, call.got_incarnation};
  const auto keep = [&](State result) {
    if (!call.answered || LearnAnyView(call, &result))
      next->push_back(std::move(result));
  };
  for (uint32_t slot = 0; slot < size_; ++slot) {
    if (call.answered && (call.parked || slot != call.got_slot)) continue;
    if (call.slot.has_value() && slot != *call.slot) continue;
    if (state.members.count(slot) != 0) continue;
    after = state;
    after.Place(slot, member);
    keep(std::move(after));
  }
  if (!call.may_park || (call.answered && !call.parked)) return;
  if (state.members.size() < size_) return;
  after = state;
  after.Park(member);
  keep(std::move(after));
}

bool GroupModel::Do(const Call& call, State* state) const {
  switch (call.kind) {
    case Kind::kCreate:
      return StepCreate(call, state);
    case Kind::kResume:
      return StepResume(call, state);
    case Kind::kLost:
      return StepLost(call, state);
    case Kind::kDelete:
      return StepDelete(call, state);
    case Kind::kGet:
      return state->exists && state->LearnView(call.view);
    case Kind::kLeave:
      return state->exists && StepLeave(call, state);
    case Kind::kPublish:
      return PassFence(call, state) && StepPublish(call, state);
    case Kind::kGetBlob:
      return PassFence(call, state) && StepGetBlob(call, *state);
    case Kind::kArrive:
      return PassFence(call, state) && StepArrive(call, size_, state);
    case Kind::kMeet:
      return PassFence(call, state) && HasMet(call, *state);
    case Kind::kJoin:
      break;
  }
  return false;
}

void GroupModel::Step(const State& state, const Call& call,
                      std::vector<State>* next) const {
  if (call.reason.empty() && call.kind == Kind::kJoin)
    return StepJoin(state, call, next);
  State after = state;
  if (!(call.reason.empty() ? Do(call, &after) : Refuses(call, &after))) return;
  const bool settles = call.reason.empty() &&
                       (call.kind == Kind::kResume ||
                        call.kind == Kind::kLost || call.kind == Kind::kLeave);
  if (settles) return Settle(after, next);
  next->push_back(std::move(after));
}

bool GroupModel::TooLate(const State& state, const Call& call) const {
  const uint64_t epoch = EpochOf(call);
  if (epoch == 0) return false;
  return state.epoch != 0 ? state.epoch > epoch : state.epoch_floor >= epoch;
}

}  // namespace ithaca::histories
