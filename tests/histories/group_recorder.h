// Writes down what the actors of one group did and saw, and judges it.
//
// Used by the group actors and the tests. Threads: any, until Check.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_RECORDER_H_
#define ITHACA_TESTS_HISTORIES_GROUP_RECORDER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/histories/epoch_ledger.h"
#include "tests/histories/group_model.h"
#include "tests/histories/group_seen.h"
#include "tests/histories/linearizer.h"
#include "tests/histories/watch_rules.h"

namespace ithaca::histories {

// When faults happened that can break streams, and when every call made before
// was over. Threads: any.
class FaultLog {
 public:
  // From now on streams may break.
  void Break();
  // Whoever could still do what was asked before is dead (a single daemon was
  // killed, and the next one is about to start).
  void AllOver() { OverNow(NowNs()); }
  // What was given up before `given_up_ns` has been done, or never is: in a
  // cluster that has been well since then, with all its daemons.
  void OverNow(int64_t given_up_ns);

  // The latest Break before `at_ns`.
  std::optional<int64_t> BreakBefore(int64_t at_ns) const;
  // The first one after it.
  std::optional<int64_t> BreakAfter(int64_t at_ns) const;
  // When what was given up at `at_ns` was over; kNever.
  int64_t OverAfter(int64_t at_ns) const;

 private:
  mutable std::mutex mutex_;
  std::set<int64_t> breaks_;  // guarded by mutex_
  // When what was given up before the key was over; guarded by mutex_.
  std::map<int64_t, int64_t> overs_;
};

struct GroupReport {
  size_t calls = 0;
  // Of them, with unknown outcome; losses that had a reason, whether or not
  // they came, are not counted.
  size_t unknown = 0;
  size_t refused = 0;
  size_t commits = 0;
  size_t epochs = 0;
  size_t watched = 0;
  size_t visited = 0;
  bool gave_up = false;
  std::vector<std::string> violations;
};

class GroupRecorder {
 public:
  // See GroupModel.
  GroupRecorder(std::string group, uint32_t size, bool away)
      : group_(std::move(group)), size_(size), away_(away) {}

  const std::string& group() const { return group_; }

  // `end_ns`: the return; of a call with unknown outcome, when the client gave
  // up: it may take effect until the faults say that it cannot.
  void Add(int client, int64_t call_ns, int64_t end_ns, const GroupCall& call);
  // A call with unknown outcome that cannot take effect after `end_ns`.
  void AddBounded(int client, int64_t call_ns, int64_t end_ns,
                  const GroupCall& call);
  // A life gave a reason at `since_ns` to be taken for lost; incarnation 0:
  // whichever life the member has.
  void MayBeLost(const std::string& member, uint64_t incarnation,
                 int64_t since_ns);
  // The member is there again, or for certain is not: older reasons are void.
  void Settle(const std::string& member, int64_t at_ns);
  void AddWatch(WatchLog log);
  // What an actor saw that must not be.
  void AddViolation(const std::string& text);

  // Everything is over. Adds the numbers that were seen to the ledgers.
  GroupReport Check(const FaultLog& faults, EpochLedger* epochs,
                    EpochLedger* incarnations);

 private:
  using History = std::vector<Recorded<GroupCall>>;
  History Finish(const FaultLog& faults) const;
  void Note(const History& history, EpochLedger* epochs,
            EpochLedger* incarnations, GroupReport* report) const;

  const std::string group_;
  const uint32_t size_;
  const bool away_;
  std::mutex mutex_;
  // All below guarded by mutex_.
  History calls_;
  // With unknown outcome, and their end known.
  History bounded_;
  std::vector<WatchLog> watches_;
  std::vector<std::string> violations_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_RECORDER_H_
