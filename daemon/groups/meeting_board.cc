#include "daemon/groups/meeting_board.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::groups {
namespace {

constexpr size_t kShownSlots = 16;
// Slots that a refusal names for programs; statuses travel in metadata.
constexpr size_t kNamedSlots = 256;
constexpr size_t kRememberedFailures = 64;

std::string Describe(const MeetingKey& key) {
  if (key.vote) {
    return key.round == 0 ? "the vote" : absl::StrCat("vote ", key.round);
  }
  return key.round == 0
             ? absl::StrCat("barrier ", key.name)
             : absl::StrCat("barrier ", key.name, ", round ", key.round);
}

std::vector<uint32_t> MissingOf(const std::set<uint32_t>& there,
                                const Roster& roster) {
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < roster.slots().size(); ++i) {
    if (there.count(i) == 0) missing.push_back(i);
  }
  return missing;
}

std::string ForPrograms(std::vector<uint32_t> slots) {
  if (slots.size() > kNamedSlots) slots.resize(kNamedSlots);
  return absl::StrJoin(slots, ",");
}

Refusal Differs(const MeetingKey& key, const std::string& votes,
                const std::set<uint32_t>& others) {
  return Refusal{absl::StatusCode::kAborted,
                 "COMMIT_DIFFERS",
                 absl::StrCat("members voted for different bytes in ",
                              Describe(key), ": ", votes),
                 "commit nothing; find out why these ranks differ, and vote "
                 "again in a higher round",
                 {{"differing", ForPrograms({others.begin(), others.end()})}}};
}

}  // namespace

bool operator<(const MeetingKey& a, const MeetingKey& b) {
  return std::tie(a.vote, a.name, a.round) < std::tie(b.vote, b.name, b.round);
}

std::string DescribeSlots(const std::vector<uint32_t>& slots,
                          const Roster& roster) {
  std::string text;
  for (size_t i = 0; i < slots.size() && i < kShownSlots; ++i) {
    const std::optional<Member>& member = roster.slots()[slots[i]].member;
    absl::StrAppend(&text, i == 0 ? "" : ", ", slots[i], " (",
                    member.has_value() ? member->id : "free", ")");
  }
  if (slots.size() > kShownSlots)
    absl::StrAppend(&text, " and ", slots.size() - kShownSlots, " more");
  return text;
}

std::vector<std::string> NamesOf(const std::vector<uint32_t>& slots,
                                 const Roster& roster) {
  std::vector<std::string> names;
  for (uint32_t slot : slots) {
    const std::string& name = roster.slots()[slot].last_member_id;
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

Refusal MeetingBoard::Late(const MeetingKey& key, const Meeting& meeting,
                           const Roster& roster, Millis waited) const {
  std::set<uint32_t> there;
  for (const auto& [slot, guest] : meeting) there.insert(slot);
  const std::vector<uint32_t> missing = MissingOf(there, roster);
  return Refusal{
      absl::StatusCode::kDeadlineExceeded,
      key.vote ? "COMMIT_TIMEOUT" : "BARRIER_TIMEOUT",
      absl::StrCat(Describe(key), " had ", there.size(), " of ",
                   roster.slots().size(), " members after ", waited,
                   " ms; missing: slot ", DescribeSlots(missing, roster)),
      "see what these ranks do (ExplainGroup), and call again with "
      "a longer wait",
      {{"missing", ForPrograms(missing)}}};
}

std::optional<Refusal> MeetingBoard::CheckLimits(const MeetingKey& key) const {
  if (waiters_.size() >= limits_.max_waiters_per_group) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("the group has ", waiters_.size(),
                                " calls that wait at barriers and votes"),
                   "wait with one call per rank",
                   {}};
  }
  const size_t names = meetings_.size() + passed_.size();
  const bool known = meetings_.count(key) != 0 || passed_.count(key.name) != 0;
  if (known || names < limits_.max_meetings_per_group) return std::nullopt;
  return Refusal{absl::StatusCode::kResourceExhausted,
                 "LIMIT_EXCEEDED",
                 absl::StrCat("the group had ", names,
                              " barriers and votes in this epoch"),
                 "use one name with ascending rounds",
                 {}};
}

std::optional<Refusal> MeetingBoard::CheckBytes(const Arrival& arrival,
                                                const Meeting& meeting,
                                                Effects* effects) {
  // What this slot gave before counts too: that call may still wait.
  std::vector<std::pair<uint32_t, const std::string*>> votes;
  for (const auto& [slot, guest] : meeting)
    votes.emplace_back(slot, &guest.bytes);
  votes.emplace_back(arrival.slot, &arrival.bytes);
  std::stable_sort(
      votes.begin(), votes.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::set<uint32_t> others;
  std::string text;
  for (size_t i = 0; i < votes.size(); ++i) {
    const auto& [slot, bytes] = votes[i];
    if (*bytes != *votes[0].second) others.insert(slot);
    if (i >= kShownSlots) continue;
    absl::StrAppend(&text, i == 0 ? "" : ", ", "slot ", slot, " gave ",
                    absl::BytesToHexString(*bytes));
  }
  if (others.empty()) return std::nullopt;
  const Refusal differs = Differs(arrival.key, text, others);
  AnswerAll(arrival.key, differs, effects);
  if (arrival.key.round != 0) failed_.emplace(arrival.key.round, differs);
  if (failed_.size() > kRememberedFailures) failed_.erase(failed_.begin());
  return differs;
}

Result<bool> MeetingBoard::Arrive(const Arrival& arrival, const Roster& roster,
                                  Millis now, Effects* effects) {
  const auto failed = failed_.find(arrival.key.round);
  if (arrival.key.vote && failed != failed_.end()) return failed->second;
  if (auto refusal = CheckLimits(arrival.key)) return *refusal;
  Meeting& meeting = meetings_[arrival.key];
  if (auto refusal = CheckBytes(arrival, meeting, effects)) return *refusal;
  const bool was_there = meeting.count(arrival.slot) != 0;
  if (meeting.size() + (was_there ? 0 : 1) == roster.slots().size())
    return true;
  if (arrival.deadline <= now) {
    const Refusal late = Late(arrival.key, meeting, roster, 0);
    if (meeting.empty()) meetings_.erase(arrival.key);
    return late;
  }
  Guest& guest = meeting[arrival.slot];
  guest.bytes = arrival.bytes;
  guest.waiters[arrival.waiter] = arrival.deadline;
  waiters_[arrival.waiter] = {arrival.key, arrival.slot, now, arrival.deadline};
  due_.insert({arrival.deadline, arrival.waiter});
  return false;
}

void MeetingBoard::AnswerAll(const MeetingKey& key,
                             const Result<Waited>& answer, Effects* effects) {
  const auto found = meetings_.find(key);
  if (found == meetings_.end()) return;
  for (const auto& [slot, guest] : found->second) {
    for (const auto& [waiter, deadline] : guest.waiters) {
      effects->answers.push_back({waiter, answer});
      waiters_.erase(waiter);
      due_.erase({deadline, waiter});
    }
  }
  meetings_.erase(found);
}

void MeetingBoard::Finish(const MeetingKey& key, const Waited& answer,
                          Effects* effects) {
  AnswerAll(key, answer, effects);
}

void MeetingBoard::Forget(WaiterId waiter) {
  const auto found = waiters_.find(waiter);
  if (found == waiters_.end()) return;
  const auto meeting = meetings_.find(found->second.key);
  const auto guest = meeting->second.find(found->second.slot);
  guest->second.waiters.erase(waiter);
  if (guest->second.waiters.empty()) meeting->second.erase(guest);
  if (meeting->second.empty()) meetings_.erase(meeting);
  due_.erase({found->second.deadline, waiter});
  waiters_.erase(found);
}

void MeetingBoard::CancelWaiter(WaiterId waiter) { Forget(waiter); }

bool MeetingBoard::Clear(const Refusal& why, Effects* effects) {
  for (const auto& [id, waiter] : waiters_)
    effects->answers.push_back({id, why});
  const bool had_passed = !passed_.empty();
  waiters_.clear();
  meetings_.clear();
  due_.clear();
  passed_.clear();
  failed_.clear();
  return had_passed;
}

// Those who give up together are told the same: who was missing for all of
// them.
void MeetingBoard::Tick(const Roster& roster, Millis now, Effects* effects) {
  std::map<MeetingKey, std::vector<WaiterId>> late;
  for (auto it = due_.begin(); it != due_.end() && it->first <= now; ++it)
    late[waiters_.at(it->second).key].push_back(it->second);
  for (const auto& [key, ids] : late) {
    const Refusal refusal = Late(key, meetings_.at(key), roster,
                                 now - waiters_.at(ids.front()).since);
    for (const WaiterId id : ids) {
      effects->answers.push_back({id, refusal});
      Forget(id);
    }
  }
}

std::optional<Millis> MeetingBoard::NextDeadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

std::vector<Waiting> MeetingBoard::Waits(const Roster& roster) const {
  std::vector<Waiting> waits;
  for (const auto& [key, meeting] : meetings_) {
    Waiting wait;
    std::set<uint32_t> there;
    for (const auto& [slot, guest] : meeting) {
      there.insert(slot);
      wait.waiting_slots.push_back(slot);
      for (const auto& [waiter, deadline] : guest.waiters) {
        if (!wait.deadline.has_value() || deadline < *wait.deadline)
          wait.deadline = deadline;
      }
    }
    wait.missing_slots = MissingOf(there, roster);
    wait.missing_members = NamesOf(wait.missing_slots, roster);
    wait.code = key.vote ? "COMMIT" : "BARRIER";
    wait.text = absl::StrCat(Describe(key), " has ", there.size(), " of ",
                             roster.slots().size(), " members; missing: slot ",
                             DescribeSlots(wait.missing_slots, roster));
    waits.push_back(std::move(wait));
  }
  return waits;
}

}  // namespace ithaca::groups
