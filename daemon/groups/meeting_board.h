// Barriers and votes of one group in the epoch in force: who has come, with
// what, and who waits.
//
// A barrier and a vote are both a meeting: it succeeds when every slot's member
// is there at the same time with the same bytes (a barrier's are empty). Those
// who give up are there no longer. Pure: no clock, no I/O, no locks; fencing is
// the caller's. Used by Group alone. Threads: confined to the caller's.
#ifndef ITHACA_DAEMON_GROUPS_MEETING_BOARD_H_
#define ITHACA_DAEMON_GROUPS_MEETING_BOARD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/groups/refusal.h"
#include "daemon/groups/roster.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// Names a barrier, or a vote (then `name` is empty).
struct MeetingKey {
  bool vote = false;
  std::string name;
  uint64_t round = 0;
};
bool operator<(const MeetingKey& a, const MeetingKey& b);

class MeetingBoard {
 public:
  explicit MeetingBoard(const Limits& limits) : limits_(limits) {}

  struct Arrival {
    MeetingKey key;
    uint32_t slot = 0;
    std::string bytes;
    WaiterId waiter = 0;
    // now: it does not wait.
    Millis deadline = 0;
  };
  // True: all are there; the caller records it and then calls Finish. False:
  // the waiter is answered later. BARRIER_TIMEOUT, COMMIT_TIMEOUT (it does not
  // wait), COMMIT_DIFFERS (all who wait are told so too), LIMIT_EXCEEDED.
  Result<bool> Arrive(const Arrival& arrival, const Roster& roster, Millis now,
                      Effects* effects);
  // Answers those who waited for a meeting at which all are.
  void Finish(const MeetingKey& key, const Waited& answer, Effects* effects);
  void CancelWaiter(WaiterId waiter);
  // Refuses all waiters and forgets everything. True: barriers had been passed.
  bool Clear(const Refusal& why, Effects* effects);
  // Refuses the waiters whose deadline has come.
  void Tick(const Roster& roster, Millis now, Effects* effects);
  std::optional<Millis> NextDeadline() const;

  // Barriers that were passed: the latest round of each name.
  const std::map<std::string, uint64_t>& passed() const { return passed_; }
  void SetPassed(const std::string& name, uint64_t round) {
    passed_[name] = round;
  }
  std::vector<Waiting> Waits(const Roster& roster) const;

 private:
  struct Guest {
    std::string bytes;
    // Deadlines of its calls.
    std::map<WaiterId, Millis> waiters;
  };
  using Meeting = std::map<uint32_t, Guest>;
  struct Waiter {
    MeetingKey key;
    uint32_t slot = 0;
    Millis since = 0;
    Millis deadline = 0;
  };

  Refusal Late(const MeetingKey& key, const Meeting& meeting,
               const Roster& roster, Millis waited) const;
  // The refusal when somebody else gave other bytes; then the meeting is over.
  std::optional<Refusal> CheckBytes(const Arrival& arrival,
                                    const Meeting& meeting, Effects* effects);
  std::optional<Refusal> CheckLimits(const MeetingKey& key) const;
  void AnswerAll(const MeetingKey& key, const Result<Waited>& answer,
                 Effects* effects);
  void Forget(WaiterId waiter);

  const Limits limits_;
  std::map<MeetingKey, Meeting> meetings_;
  std::map<WaiterId, Waiter> waiters_;
  std::set<std::pair<Millis, WaiterId>> due_;
  std::map<std::string, uint64_t> passed_;
  // Votes that failed because bytes differed, the latest rounds.
  std::map<uint64_t, Refusal> failed_;
};

// Slots for people, "3 (node1.gpu3), 7 (free)", and members' names.
std::string DescribeSlots(const std::vector<uint32_t>& slots,
                          const Roster& roster);
std::vector<std::string> NamesOf(const std::vector<uint32_t>& slots,
                                 const Roster& roster);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_MEETING_BOARD_H_
