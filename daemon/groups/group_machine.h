// All groups of a daemon: the pure core of the groups service.
//
// Looks groups up, decides who may use them, gives out epochs and incarnations,
// and knows what is due when. Commands come in with the time; decisions,
// reasons and effects go out. No clock, no I/O, no locks. Used by GroupsService
// (and by tests, which need nothing else). Threads: confined to the caller's.
// Life: built empty or from the store (records.h); thrown away when a write
// fails.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_
#define ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_

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

class GroupMachine {
 public:
  explicit GroupMachine(const Limits& limits, Counters counters = {})
      : limits_(limits), counters_(counters) {}

  // Makes the group (true), or finds one of the same name, plan and owner
  // (false).
  Result<bool> Create(const Caller& caller, const CreateCommand& command,
                      Millis now, Effects* effects);
  // The member hears of the group through `stream` from now on.
  Result<JoinAnswer> Join(const Caller& caller, const JoinCommand& command,
                          StreamId stream, Millis now, Effects* effects);
  // A stream ended without Leave: the member is lost.
  void StreamBroken(const std::string& group_id, StreamId stream, Millis now,
                    Effects* effects);
  // The epoch after it.
  Result<uint64_t> Leave(const Caller& caller, const Fence& fence, Millis now,
                         Effects* effects);
  Result<Done> Publish(const Caller& caller, const Fence& fence,
                       const std::string& name, std::string data,
                       Effects* effects);
  // The blob, or nothing: `waiter` is answered by an effect, `wait_ms` from now
  // at the latest.
  Result<std::optional<Blob>> GetBlob(const Caller& caller, const Fence& fence,
                                      const std::string& name, WaiterId waiter,
                                      Millis wait_ms, Millis now);
  void CancelWaiter(const std::string& group_id, WaiterId waiter);
  Result<Done> Delete(const Caller& caller, const std::string& group_id,
                      bool force, Effects* effects);
  // The group, if the caller may use it. Valid until the next command.
  Result<const Group*> Find(const Caller& caller,
                            const std::string& group_id) const;
  // Up to `limit` groups of the caller with names after `after`, by name.
  std::vector<const Group*> List(const Caller& caller, const std::string& after,
                                 size_t limit) const;

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
  // Changes when a detached member is lost; nothing for other slots.
  void SetDetachDeadline(const std::string& group_id, uint32_t slot,
                         Millis deadline);

  const Counters& counters() const { return counters_; }
  // By name; nullptr: none.
  const Group* Peek(const std::string& group_id) const;
  const std::map<std::string, std::unique_ptr<Group>>& groups() const {
    return groups_;
  }
  // Groups that run this plan.
  size_t PlanUsers(const std::string& plan_hash) const;

 private:
  Result<Group*> FindMutable(const Caller& caller, const std::string& group_id);
  // Also checks that the fence's name may be repeated in a message.
  Result<Group*> FindFenced(const Caller& caller, const Fence& fence);
  void Erase(const std::string& group_id, const std::string& why,
             Effects* effects);
  void Schedule(const Group& group);

  Limits limits_;
  Counters counters_;
  std::map<std::string, std::unique_ptr<Group>> groups_;
  // When each group is due next, in both directions.
  std::set<std::pair<Millis, std::string>> due_;
  std::unordered_map<std::string, Millis> due_of_;
};

// Bounds of names and fields, as the API gives them; nothing: fine.
std::optional<Refusal> CheckGroupId(const std::string& group_id);
// `field` is for the message. 1 to 128 printable ASCII characters without
// space.
std::optional<Refusal> CheckName(const std::string& field,
                                 const std::string& name);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_MACHINE_H_
