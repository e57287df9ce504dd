// What happened to one group: its latest events, for watchers that come back,
// and what was decided and why, for people.
//
// In memory only. Used by Group alone. Threads: confined to the caller's.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_LOG_H_
#define ITHACA_DAEMON_GROUPS_GROUP_LOG_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "daemon/groups/types.h"

namespace ithaca::groups {

class GroupLog {
 public:
  explicit GroupLog(const Limits& limits) : limits_(limits) {}

  void AddEvent(EventPtr event);
  // The same as the latest one only moves that one's time.
  void AddDecision(Decision decision);

  // Those after this number of the group's `last`, oldest first; none: some are
  // forgotten, or the number is not one of this group's.
  std::optional<std::vector<EventPtr>> EventsAfter(uint64_t sequence,
                                                   uint64_t last) const;
  const std::deque<Decision>& decisions() const { return decisions_; }

 private:
  const Limits limits_;
  std::deque<EventPtr> events_;
  std::deque<Decision> decisions_;
};

// What an event says, for people.
Decision DecisionOf(const Event& event, Millis at);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_LOG_H_
