// One group: who holds which slot under which epoch, and why.
//
// A pure state machine: no clock, no I/O, no locks. Time comes in as an
// argument, and what is to be written and told goes out as Effects. Used by
// GroupMachine alone. Threads: confined to the caller's.
//
// Invariants:
//   1. The epoch only rises, and every epoch comes from the shared counter.
//   2. A slot holds at most one member; a member id holds at most one slot.
//   3. Event sequence numbers rise by one.
//   4. Blobs and waiters belong to the epoch in force.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_H_
#define ITHACA_DAEMON_GROUPS_GROUP_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/groups/blob_board.h"
#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

class Group {
 public:
  struct Slot {
    std::optional<Member> member;
    // Who held it last; empty: nobody yet.
    std::string last_member_id;
    Millis formation_timeout_ms = 0;
    // When the member gives up waiting; none: the group is complete. Set when
    // it joins and when a complete group loses somebody, so that no loss puts
    // it off.
    std::optional<Millis> formation_deadline;
    // When a detached member is lost.
    std::optional<Millis> detach_deadline;
    // 0: detached.
    StreamId stream = 0;
  };

  using Record = GroupRecord;

  // A new group, in a new epoch.
  Group(const CreateCommand& command, uint32_t owner_uid, const Limits& limits,
        Counters* counters, Millis now, Effects* effects);
  // A group from the store, everyone detached. REQUIRES: the record is valid.
  Group(Record record, const Limits& limits, Millis now);

  // Restoring, before any other call. False: the slot or id is out of range or
  // taken.
  bool RestoreSlot(Member member, const std::string& last_member_id,
                   Millis formation_timeout_ms, Millis now);
  bool RestoreBlob(Blob blob);
  // A detached member has a stream after all. False: there is no such life.
  bool Attach(const std::string& member_id, uint64_t incarnation,
              StreamId stream);
  // Brings forward, or puts off, the moment at which a detached member is lost.
  void SetDetachDeadline(uint32_t slot, Millis deadline);

  Result<JoinAnswer> Join(const JoinCommand& command, uint32_t pid,
                          StreamId stream, Counters* counters, Millis now,
                          Effects* effects);
  // The stream ended without a word. Nothing happens when it is not the
  // member's newest one.
  void StreamBroken(StreamId stream, Counters* counters, Millis now,
                    Effects* effects);
  Result<uint64_t> Leave(const Fence& fence, Counters* counters, Millis now,
                         Effects* effects);
  Result<Done> Publish(const Fence& fence, const std::string& name,
                       std::shared_ptr<const std::string> data,
                       Effects* effects);
  // The blob, or nothing: the waiter gets it, or a refusal, later. A waiter
  // whose deadline is `now` does not wait.
  Result<std::optional<Blob>> GetBlob(const Fence& fence,
                                      const std::string& name, WaiterId waiter,
                                      Millis deadline, Millis now);
  void CancelWaiter(WaiterId waiter) { board_.CancelWaiter(waiter); }
  // Ends every stream and wait. The group must be dropped afterwards.
  void Delete(const std::string& why, Effects* effects);
  // Does what is due, until the effects are full.
  void Tick(Millis now, Counters* counters, Effects* effects);
  // When Tick has something to do; none: not until something else happens.
  std::optional<Millis> NextDeadline() const;
  // Whether it was without members for the time to live.
  bool Expired(Millis now) const;

  const Record& record() const { return record_; }
  const std::vector<Slot>& slots() const { return slots_; }
  const std::map<std::string, Blob>& blobs() const { return board_.blobs(); }
  uint32_t member_count() const { return member_count_; }
  bool complete() const { return member_count_ == record_.size; }
  std::vector<uint32_t> FreeSlots() const;
  // The events after this one, oldest first; none: some of them are forgotten.
  std::optional<std::vector<EventPtr>> EventsAfter(uint64_t sequence) const;

 private:
  struct Cause {
    EventType type;
    std::string code;
    std::string text;
  };

  std::optional<Refusal> CheckFence(const Fence& fence) const;
  Slot* FindMember(const std::string& member_id);
  Result<uint32_t> ChooseSlot(const JoinCommand& command) const;
  Result<JoinAnswer> Resume(const JoinCommand& command, uint32_t pid,
                            StreamId stream, Effects* effects);
  JoinAnswer Place(const JoinCommand& command, uint32_t slot, uint32_t pid,
                   StreamId stream, Counters* counters, Millis now,
                   Effects* effects);
  void Remove(uint32_t slot, const Cause& cause,
              std::optional<Refusal> stream_end, Counters* counters, Millis now,
              Effects* effects);
  void NewEpoch(Counters* counters, Effects* effects);
  void Emit(EventType type, std::optional<Member> member, std::string code,
            std::string text, Effects* effects);
  void SetReason(std::string code, std::string text);
  std::string DescribeFreeSlots() const;
  std::string Situation() const;
  void StartFormation(Millis now);
  void StopFormation();

  Record record_;
  const Limits limits_;
  std::vector<Slot> slots_;
  std::unordered_map<std::string, uint32_t> slot_of_member_;
  uint32_t member_count_ = 0;
  BlobBoard board_;
  std::deque<EventPtr> history_;
  // Since when nobody is there.
  std::optional<Millis> empty_since_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_H_
