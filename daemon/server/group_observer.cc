#include "daemon/server/group_observer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::server {
namespace {

using groups::Event;
using groups::EventType;

// What people look for in a log; the rest is in `ithacactl group watch`.
// Null: not told.
const char* Headline(EventType type) {
  switch (type) {
    case EventType::kComplete:
      return "group is complete";
    case EventType::kLost:
      return "member was lost";
    case EventType::kLeft:
      return "member left";
    case EventType::kDeleted:
      return "group is gone";
    case EventType::kSuspect:
      return "member is suspected to be gone";
    default:
      return nullptr;
  }
}

std::string CauseOf(const Event& event) {
  return event.reason_code.empty() ? "UNSPECIFIED" : event.reason_code;
}

}  // namespace

void GroupObserver::Count(const std::string& group_id, const Event& event) {
  const std::string cause = CauseOf(event);
  const bool gone =
      event.type == EventType::kLost || event.type == EventType::kLeft;
  if (gone) metrics_->evictions.Count({cause});
  if (event.type == EventType::kSuspect) metrics_->suspects.Count({cause});
  if (event.type == EventType::kDeleted) {
    last_epoch_.erase(group_id);
    return;
  }
  if (event.epoch == 0) return;
  const auto [last, is_new] = last_epoch_.emplace(group_id, event.epoch);
  const bool began = is_new ? gone : event.epoch > last->second;
  if (began) metrics_->epochs.Count({cause});
  last->second = std::max(last->second, event.epoch);
}

void GroupObserver::Told(const groups::Effects& effects) {
  // A line for each kind of happening of a group, however many members it hits:
  // a node that goes takes a thousand with it.
  struct Line {
    const Event* first = nullptr;
    int count = 0;
  };
  std::map<std::pair<std::string, EventType>, Line> lines;
  for (const groups::Effects::Notice& notice : effects.notices) {
    Count(notice.group_id, *notice.event);
    if (Headline(notice.event->type) == nullptr) continue;
    Line& line = lines[{notice.group_id, notice.event->type}];
    if (line.count++ == 0) line.first = notice.event.get();
  }
  for (const auto& [key, line] : lines) {
    const Event& event = *line.first;
    Fields fields = {{"group", key.first},
                     {"epoch", absl::StrCat(event.epoch)},
                     {"reason", CauseOf(event)}};
    if (event.member.has_value()) {
      fields.emplace_back("member", event.member->id);
      fields.emplace_back("slot", absl::StrCat(event.member->slot));
    }
    if (line.count > 1)
      fields.emplace_back("and_others", absl::StrCat(line.count - 1));
    if (!event.reason.empty()) fields.emplace_back("why", event.reason);
    log_->Write(Level::kInfo, Headline(event.type), fields);
  }
}

}  // namespace ithaca::server
