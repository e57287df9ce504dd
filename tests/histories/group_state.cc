#include "tests/histories/group_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

bool Learn(const MemberSeen& seen, MemberSeen* member) {
  if (member->id != seen.id) return false;
  if (member->incarnation == 0) member->incarnation = seen.incarnation;
  return member->incarnation == seen.incarnation;
}

template <typename Members>
MemberSeen* FindIn(Members* members, const std::string& id) {
  for (auto& entry : *members) {
    MemberSeen* member;
    if constexpr (std::is_same_v<Members, std::vector<MemberSeen>>) {
      member = &entry;
    } else {
      member = &entry.second;
    }
    if (member->id == id) return member;
  }
  return nullptr;
}

}  // namespace

// ---- what is learnt

bool GroupState::LearnEpoch(uint64_t seen) {
  if (epoch != 0) return epoch == seen;
  if (seen <= epoch_floor) return false;
  epoch = seen;
  return true;
}

bool GroupState::LearnSequence(uint64_t seen) {
  if (sequence_known && !silent_events) return sequence == seen;
  if (seen < sequence) return false;
  sequence = seen;
  sequence_known = true;
  return true;
}

bool GroupState::LearnCommit(const CommitSeen& seen) {
  return commit.epoch == seen.epoch && commit.round == seen.round &&
         commit.data == seen.data;
}

bool GroupState::LearnView(const GroupView& view) {
  if (!LearnEpoch(view.epoch) || !LearnSequence(view.sequence) ||
      !LearnCommit(view.commit))
    return false;
  if (view.members.size() != members.size() ||
      view.spares.size() != spares.size() || view.blobs.size() != blobs.size())
    return false;
  for (const auto& [slot, seen] : view.members) {
    const auto found = members.find(slot);
    if (found == members.end() || !Learn(seen, &found->second)) return false;
  }
  for (size_t i = 0; i < spares.size(); ++i) {
    if (!Learn(view.spares[i], &spares[i])) return false;
  }
  return std::all_of(
      view.blobs.begin(), view.blobs.end(),
      [this](const std::string& name) { return blobs.count(name) != 0; });
}

MemberSeen* GroupState::FindMember(const std::string& id) {
  return FindIn(&members, id);
}

MemberSeen* GroupState::FindSpare(const std::string& id) {
  return FindIn(&spares, id);
}

bool GroupState::IsLife(const MemberSeen* member, uint64_t incarnation) {
  return member != nullptr && (member->incarnation == incarnation ||
                               member->incarnation == 0 || incarnation == 0);
}

// ---- what happens

void GroupState::Happen() {
  ++sequence;
  // It may be told as several events.
  sequence_known = false;
}

void GroupState::NewEpoch() {
  epoch_floor = std::max(epoch, epoch_floor);
  epoch = 0;
  blobs.clear();
  arrivals.clear();
  met.clear();
  differs.clear();
}

void GroupState::Create(uint64_t first_epoch) {
  NewEpoch();
  exists = true;
  epoch = first_epoch;
  sequence = 0;
  sequence_known = true;
  commit = {};
}

void GroupState::Delete() {
  NewEpoch();
  exists = false;
  members.clear();
  spares.clear();
}

void GroupState::Place(uint32_t slot, MemberSeen member) {
  members[slot] = std::move(member);
  Happen();
}

void GroupState::Park(MemberSeen member) {
  spares.push_back(std::move(member));
  Happen();
}

void GroupState::Remove(const std::string& id) {
  Happen();
  const auto is_it = [&id](const auto& it) { return it.second.id == id; };
  const auto member = std::find_if(members.begin(), members.end(), is_it);
  if (member == members.end()) {
    spares.erase(
        std::find_if(spares.begin(), spares.end(),
                     [&id](const MemberSeen& it) { return it.id == id; }));
    return;
  }
  members.erase(member);
  NewEpoch();
}

void GroupState::Promote(size_t spare, uint32_t slot) {
  const auto promoted = spares.begin() + static_cast<std::ptrdiff_t>(spare);
  Place(slot, *promoted);
  spares.erase(promoted);
}

void GroupState::Arrive(const Meeting& meeting, const std::string& member,
                        uint64_t attempt, const std::string& data,
                        uint32_t size) {
  arrivals[{meeting, member}] = {attempt, data};
  size_t here = 0;
  for (const auto& [slot, other] : members) {
    const auto found = arrivals.find({meeting, other.id});
    if (found == arrivals.end() || found->second.data.empty()) continue;
    if (found->second.data != data) differs.insert(meeting);
    ++here;
  }
  if (here != size || differs.count(meeting) != 0) return;
  met[meeting] = data;
  if (meeting.first == kCommit) commit = {epoch, meeting.second, data};
}

void GroupState::Withdraw(const Meeting& meeting, const std::string& member,
                          uint64_t attempt) {
  Arrival& arrival = arrivals[{meeting, member}];
  if (arrival.attempt <= attempt) arrival = {attempt, ""};
}

// ---- for people

namespace {

std::string ShowMembers(const std::map<uint32_t, MemberSeen>& members,
                        const std::vector<MemberSeen>& spares) {
  std::string text;
  for (const auto& [slot, member] : members)
    absl::StrAppend(&text, " ", slot, "=", member.id, "/", member.incarnation);
  for (const MemberSeen& spare : spares)
    absl::StrAppend(&text, " spare ", spare.id, "/", spare.incarnation);
  return text;
}

std::string ShowCommit(const CommitSeen& commit) {
  if (commit.epoch == 0) return "";
  return absl::StrCat(" committed ", commit.data, " in round ", commit.round,
                      " of epoch ", commit.epoch);
}

}  // namespace

std::string Show(const GroupState& state) {
  if (!state.exists)
    return absl::StrCat("no group; epochs up to ", state.epoch_floor);
  std::string text = state.epoch != 0
                         ? absl::StrCat("epoch ", state.epoch)
                         : absl::StrCat("epoch above ", state.epoch_floor);
  absl::StrAppend(&text,
                  state.sequence_known ? ", event " : ", event at least ",
                  state.sequence, ":", ShowMembers(state.members, state.spares),
                  ShowCommit(state.commit));
  for (const auto& [name, data] : state.blobs)
    absl::StrAppend(&text, " blob ", name, "=", data);
  for (const auto& [who, arrival] : state.arrivals)
    absl::StrAppend(&text, " ", who.second, " at ", who.first.first, "#",
                    who.first.second, "=", arrival.data, "/", arrival.attempt);
  for (const auto& [meeting, data] : state.met)
    absl::StrAppend(&text, " met ", meeting.first, "#", meeting.second, "=",
                    data);
  for (const Meeting& meeting : state.differs)
    absl::StrAppend(&text, " differs ", meeting.first, "#", meeting.second);
  return text;
}

std::string Show(const GroupView& view) {
  std::string text = absl::StrCat(
      "epoch ", view.epoch, ", event ", view.sequence, ":",
      ShowMembers(view.members, view.spares), ShowCommit(view.commit));
  for (const std::string& name : view.blobs)
    absl::StrAppend(&text, " blob ", name);
  return text;
}

}  // namespace ithaca::histories
