// All groups of a daemon: the pure core of the groups service.
//
// Looks groups up, decides who may use them and how much of them, gives out
// epochs and incarnations, and knows what is due when. Commands come in with
// the time; decisions, reasons and effects go out. No clock, no I/O, no locks;
// who makes plans is handed in. Used by GroupsService (and by tests, which need
// nothing else). Threads: confined to the caller's. Life: built empty or from
// the store (records.h); thrown away when a write fails.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_
#define ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/groups/group.h"
#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// How a stream ended.
struct BrokenBy {
  std::string code = "STREAM_BROKEN";
  std::string text = "its process or connection ended";
};

class GroupMachine {
 public:
  explicit GroupMachine(const Limits& limits, Counters counters = {})
      : limits_(limits), counters_(counters) {}

  // Who makes plans for what is left of a group. Before any command; without
  // it no group is planned again.
  void SetReplanner(Replanner replanner) { replanner_ = std::move(replanner); }

  // Makes the group (true), or finds one of the same name, plan and owner
  // (false).
  Result<bool> Create(const Caller& caller, const CreateCommand& command,
                      Millis now, Effects* effects);
  // The member hears of the group through `stream` from now on.
  Result<JoinAnswer> Join(const Caller& caller, const JoinCommand& command,
                          StreamId stream, Millis now, Effects* effects);
  // A stream ended without Leave: the member is lost.
  void StreamBroken(const std::string& group_id, StreamId stream, Millis now,
                    Effects* effects, const BrokenBy& by = {});
  // A stream ended because the connection to the member's node did: it may
  // resume within `grace_ms`.
  void Detach(const std::string& group_id, StreamId stream, Millis grace_ms,
              const std::string& text, Millis now, Effects* effects);
  // The epoch after it.
  Result<uint64_t> Leave(const Caller& caller, const Fence& fence, Millis now,
                         Effects* effects);
  Result<Done> Publish(const Caller& caller, const Fence& fence,
                       const std::string& name, std::string data, Millis now,
                       Effects* effects);
  // The blob, or nothing: `waiter` is answered by an effect, `wait_ms` from now
  // at the latest.
  Result<std::optional<Blob>> GetBlob(const Caller& caller, const Fence& fence,
                                      const std::string& name, WaiterId waiter,
                                      Millis wait_ms, Millis now);
  // True: all members have come; false: as GetBlob.
  Result<bool> Barrier(const Caller& caller, const Fence& fence,
                       const std::string& name, uint64_t round, WaiterId waiter,
                       Millis wait_ms, Millis now, Effects* effects);
  struct Vote {
    std::string hash;
    uint64_t round = 0;
    int64_t wall_unix_ms = 0;
  };
  // What all agreed on, or nothing: as GetBlob.
  Result<std::optional<Committed>> Commit(const Caller& caller,
                                          const Fence& fence, const Vote& vote,
                                          WaiterId waiter, Millis wait_ms,
                                          Millis now, Effects* effects);
  void CancelWaiter(const std::string& group_id, WaiterId waiter);
  // With `replanner` instead of the machine's own.
  Result<ReplanOutcome> Replan(const Caller& caller,
                               const ReplanCommand& command,
                               const Replanner& replanner, Millis now,
                               Effects* effects);
  Result<Done> Delete(const Caller& caller, const std::string& group_id,
                      bool force, Effects* effects);
  // The group, if the caller may use it. Valid until the next command.
  Result<const Group*> Find(const Caller& caller,
                            const std::string& group_id) const;
  // Up to `limit` groups of the caller with names after `after`, by name.
  std::vector<const Group*> List(const Caller& caller, const std::string& after,
                                 size_t limit) const;

  // A node has been silent for long, is heard again, or is gone, and with it
  // the members that came through its daemon. The next Ticks do it.
  enum class NodeNews { kSuspect, kBack, kLost };
  void TellNode(NodeNews news, const std::string& node,
                const std::string& text);

  // Does what is due, until the effects are full.
  void Tick(Millis now, Effects* effects);
  // When there is more to do; none: not by itself.
  std::optional<Millis> NextDeadline() const;

  // Restoring, before any command. False: there is a group of that name.
  bool Restore(std::unique_ptr<Group> group);
  void SetCountersForRestore(const Counters& counters) { counters_ = counters; }
  // A detached member has a stream after all. False: there is no such life.
  bool Attach(const std::string& group_id, const std::string& member_id,
              uint64_t incarnation, StreamId stream);
  // Changes when a detached member is lost; nothing for others.
  void SetDetachDeadline(const std::string& group_id, uint64_t incarnation,
                         Millis deadline);

  const Counters& counters() const { return counters_; }
  // By name; nullptr: none.
  const Group* Peek(const std::string& group_id) const;
  const std::map<std::string, std::unique_ptr<Group>>& groups() const {
    return groups_;
  }
  // Groups that run this plan.
  size_t PlanUsers(const std::string& plan_hash) const;
  // What the user's groups have together.
  Usage UsageOf(uint32_t uid) const;

 private:
  struct PendingNews {
    NodeNews news = NodeNews::kSuspect;
    std::string node;
    std::string text;
    // Groups that it was not told to yet.
    std::vector<std::string> groups;
  };

  static Result<ReplanAnswer> NoPlans(const ReplanQuestion& question);
  Moment At(Millis now, Effects* effects) { return {now, &counters_, effects}; }
  Group* Known(const std::string& group_id);
  Result<Group*> FindMutable(const Caller& caller, const std::string& group_id);
  // Also checks that the fence's name may be repeated in a message.
  Result<Group*> FindFenced(const Caller& caller, const Fence& fence);
  std::optional<Refusal> CheckQuota(const Caller& caller, uint32_t owner,
                                    const Usage& more) const;
  void Erase(const std::string& group_id, const std::string& why,
             Effects* effects);
  void Spread(PendingNews* news, const Moment& moment);
  // After every change of a group: when it is due, and what it takes.
  void Note(const Group& group);
  void Count(uint32_t uid, const std::string& group_id, const Usage& now);

  Limits limits_;
  Counters counters_;
  Replanner replanner_ = NoPlans;
  std::map<std::string, std::unique_ptr<Group>> groups_;
  std::deque<PendingNews> news_;
  // When each group is due next, in both directions.
  std::set<std::pair<Millis, std::string>> due_;
  std::unordered_map<std::string, Millis> due_of_;
  std::unordered_map<std::string, Usage> usage_of_;
  std::unordered_map<uint32_t, Usage> usage_of_user_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_
