// Group: members that are lost, silent or late, and what is due.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/group.h"
#include "daemon/groups/group_refusals.h"

namespace ithaca::groups {

void Group::StreamBroken(StreamId stream, const std::string& code,
                         const std::string& text, const Moment& moment) {
  Seat* seat = roster_.FindStream(stream);
  if (seat == nullptr) return;
  // It has ended by itself.
  roster_.SetStream(seat, 0);
  Remove(seat, {EventType::kLost, code, text}, std::nullopt, moment);
  Settle(moment);
}

void Group::Detach(StreamId stream, Millis deadline, const std::string& text,
                   const Moment& moment) {
  Seat* seat = roster_.FindStream(stream);
  if (seat == nullptr) return;
  roster_.SetStream(seat, 0);
  seat->member->attached = false;
  seat->member->suspect = false;
  roster_.SetDetachDeadline(seat, deadline);
  Emit(EventType::kDetached, *seat->member, "NODE_SILENT", text, moment);
}

// Calls `what` for each seat of the node's members.
template <typename Do>
void Group::ForNode(const std::string& node, Do what) {
  std::vector<std::string> ids;
  for (const Seat& seat : roster_.slots()) {
    if (seat.member.has_value() && seat.member->node == node)
      ids.push_back(seat.member->id);
  }
  for (const auto& [life, seat] : roster_.spares()) {
    if (seat.member->node == node) ids.push_back(seat.member->id);
  }
  for (const std::string& id : ids) what(roster_.Find(id));
}

void Group::SuspectNode(const std::string& node, const std::string& text,
                        const Moment& moment) {
  ForNode(node, [&](Seat* seat) {
    if (!seat->member->attached || seat->member->suspect) return;
    seat->member->suspect = true;
    Emit(EventType::kSuspect, *seat->member, "NODE_SILENT", text, moment);
  });
}

void Group::ClearNode(const std::string& node, const std::string& text,
                      const Moment& moment) {
  ForNode(node, [&](Seat* seat) {
    if (!seat->member->suspect) return;
    seat->member->suspect = false;
    Emit(EventType::kCleared, *seat->member, "NODE_BACK", text, moment);
  });
  Settle(moment);
}

void Group::LoseNode(const std::string& node, const std::string& text,
                     Millis now) {
  ForNode(node, [&](Seat* seat) {
    seat->gone_code = "NODE_LOST";
    seat->gone_text = text;
    roster_.SetDetachDeadline(seat, now);
  });
}

// ---- time

void Group::Expire(Seat* seat, const Moment& moment) {
  if (seat->detach_deadline.has_value() &&
      *seat->detach_deadline <= moment.now) {
    const bool known = !seat->gone_code.empty();
    Remove(seat,
           {EventType::kLost, known ? seat->gone_code : "NOT_RESUMED",
            known ? seat->gone_text
                  : "it did not come back after the daemon, or the connection "
                    "to its node, was away"},
           std::nullopt, moment);
  } else {
    const std::string text = absl::StrCat(
        "the group was not complete within ", seat->formation_timeout_ms,
        " ms: nobody holds slot ", DescribeFreeSlots());
    Remove(seat, {EventType::kLost, "FORMATION_TIMEOUT", text},
           FormationTimeout(text), moment);
  }
  Settle(moment);
}

void Group::Tick(const Replanner& replanner, const Moment& moment) {
  board_.Tick(moment.now, Situation(), moment.effects);
  meetings_.Tick(roster_, moment.now, moment.effects);
  if (unsettled_) Settle(moment);
  while (!moment.effects->dirty.full()) {
    const auto due = roster_.NextDue();
    if (!due.has_value() || due->first > moment.now) break;
    Expire(due->second, moment);
  }
  if (replan_at_.has_value() && *replan_at_ <= moment.now &&
      !moment.effects->dirty.full()) {
    ReplanOnLoss(replanner, moment);
  }
}

std::optional<Millis> Group::NextDeadline() const {
  std::optional<Millis> next;
  // At once.
  if (unsettled_ && !complete()) next = 0;
  const auto consider = [&next](std::optional<Millis> at) {
    if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
  };
  if (const auto due = roster_.NextDue()) consider(due->first);
  consider(board_.NextDeadline());
  consider(meetings_.NextDeadline());
  consider(replan_at_);
  if (empty_since_.has_value()) consider(*empty_since_ + limits_.empty_ttl_ms);
  return next;
}

bool Group::Expired(Millis now) const {
  return empty_since_.has_value() &&
         *empty_since_ + limits_.empty_ttl_ms <= now;
}

}  // namespace ithaca::groups
