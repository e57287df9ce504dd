#include "daemon/groups/group_log.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

const char* WordFor(EventType type) {
  switch (type) {
    case EventType::kJoined:
      return "joined";
    case EventType::kResumed:
      return "resumed";
    case EventType::kLost:
      return "was lost";
    case EventType::kLeft:
      return "left";
    case EventType::kComplete:
      return "complete";
    case EventType::kDeleted:
      return "deleted";
    case EventType::kSuspect:
      return "is doubted";
    case EventType::kCleared:
      return "is heard again";
    case EventType::kParked:
      return "is parked";
    case EventType::kPromoted:
      return "got a slot";
    case EventType::kDetached:
      return "is detached";
    case EventType::kReplanned:
      return "another plan";
  }
  return "";
}

const char* CodeFor(EventType type) {
  if (type == EventType::kJoined) return "JOINED";
  if (type == EventType::kResumed) return "RESUMED";
  return "COMPLETE";
}

}  // namespace

Decision DecisionOf(const Event& event, Millis at) {
  std::string text;
  if (event.member.has_value()) {
    text = absl::StrCat(event.member->id, " ",
                        event.member->parked
                            ? "(spare) "
                            : absl::StrCat("(slot ", event.member->slot, ") "));
  }
  absl::StrAppend(&text, WordFor(event.type), event.reason.empty() ? "" : ": ",
                  event.reason);
  return {at, event.epoch,
          event.reason_code.empty() ? CodeFor(event.type) : event.reason_code,
          std::move(text)};
}

void GroupLog::AddEvent(EventPtr event) {
  events_.push_back(std::move(event));
  if (events_.size() > limits_.max_history) events_.pop_front();
}

void GroupLog::AddDecision(Decision decision) {
  if (!decisions_.empty() && decisions_.back().code == decision.code &&
      decisions_.back().epoch == decision.epoch &&
      decisions_.back().text == decision.text) {
    decisions_.back().at = decision.at;
    return;
  }
  decisions_.push_back(std::move(decision));
  if (decisions_.size() > limits_.max_decisions) decisions_.pop_front();
}

std::optional<std::vector<EventPtr>> GroupLog::EventsAfter(
    uint64_t sequence, uint64_t last) const {
  if (sequence > last || last - sequence > events_.size()) return std::nullopt;
  return std::vector<EventPtr>(
      events_.end() - static_cast<std::ptrdiff_t>(last - sequence),
      events_.end());
}

}  // namespace ithaca::groups
