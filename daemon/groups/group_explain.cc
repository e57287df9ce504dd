// Group: what it, and those in it, wait for.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/groups/group.h"

namespace ithaca::groups {
namespace {

constexpr size_t kShownNames = 16;

void Sooner(const std::optional<Millis>& at, std::optional<Millis>* first) {
  if (at.has_value() && (!first->has_value() || *at < **first)) *first = at;
}

// Members for whom `wanted` holds, as one thing that is waited for; nothing
// when there are none.
template <typename Wanted>
void AddMembers(const Roster& roster, const char* code, const char* text,
                Wanted wanted, std::vector<Waiting>* waits) {
  Waiting wait;
  const auto look = [&](const Seat& seat) {
    if (!seat.member.has_value() || !wanted(seat)) return;
    if (!seat.member->parked) wait.missing_slots.push_back(seat.member->slot);
    wait.missing_members.push_back(seat.member->id);
    Sooner(seat.detach_deadline, &wait.deadline);
  };
  for (const Seat& seat : roster.slots()) look(seat);
  for (const auto& [life, seat] : roster.spares()) look(seat);
  if (wait.missing_members.empty()) return;
  const std::vector<std::string>& names = wait.missing_members;
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(
                                       std::min(names.size(), kShownNames));
  wait.code = code;
  wait.text = absl::StrCat(absl::StrJoin(names.begin(), end, ", "),
                           end == names.end() ? "" : " and others", text);
  waits->push_back(std::move(wait));
}

}  // namespace

std::vector<Waiting> Group::Waits() const {
  std::vector<Waiting> waits;
  if (!complete()) {
    Waiting wait;
    wait.code = "MEMBERS";
    wait.missing_slots.assign(roster_.free_slots().begin(),
                              roster_.free_slots().end());
    wait.missing_members = NamesOf(wait.missing_slots, roster_);
    wait.text = absl::StrCat("nobody holds slot ", DescribeFreeSlots(), "; ",
                             record_.reason);
    for (const Seat& seat : roster_.slots()) {
      if (!seat.member.has_value()) continue;
      wait.waiting_slots.push_back(seat.member->slot);
      Sooner(seat.formation_deadline, &wait.deadline);
    }
    waits.push_back(std::move(wait));
  }
  AddMembers(
      roster_, "RESUME", ": the daemon does not hear them; they may resume",
      [](const Seat& seat) { return !seat.member->attached; }, &waits);
  AddMembers(
      roster_, "SUSPECT", ": their node is silent",
      [](const Seat& seat) { return seat.member->suspect; }, &waits);
  if (replan_at_.has_value()) {
    Waiting wait;
    wait.code = "REPLAN";
    wait.text =
        "those who are lost together are counted before the plan is "
        "made again";
    wait.deadline = replan_at_;
    waits.push_back(std::move(wait));
  }
  for (Waiting& wait : meetings_.Waits(roster_))
    waits.push_back(std::move(wait));
  for (Waiting& wait : board_.Waits()) waits.push_back(std::move(wait));
  return waits;
}

}  // namespace ithaca::groups
