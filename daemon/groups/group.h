// One group: who holds which slot under which epoch, what its members agree on,
// and why.
//
// A pure state machine: no clock, no I/O, no locks. Time comes in as an
// argument, and what is to be written and told goes out as Effects. Used by
// GroupMachine alone. Threads: confined to the caller's.
//
// Invariants:
//   1. The epoch only rises, and every epoch comes from the shared counter.
//   2. A slot holds at most one member; a member id is at one place: a slot, or
//      among the spares.
//   3. Event sequence numbers rise by one.
//   4. Blobs, barriers, votes and waiters belong to the epoch in force.
//   5. No slot is free while a spare that can be heard is parked.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_H_
#define ITHACA_DAEMON_GROUPS_GROUP_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/groups/blob_board.h"
#include "daemon/groups/group_log.h"
#include "daemon/groups/meeting_board.h"
#include "daemon/groups/refusal.h"
#include "daemon/groups/roster.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// What a command works with besides its arguments.
struct Moment {
  Millis now = 0;
  Counters* counters = nullptr;
  Effects* effects = nullptr;
};

// How a call waits.
struct Wait {
  WaiterId waiter = 0;
  // now: it does not.
  Millis deadline = 0;
};

// What a group takes of what is bounded per user.
struct Usage {
  size_t groups = 0;
  size_t members = 0;
  size_t blob_bytes = 0;
};

class Group {
 public:
  using Record = GroupRecord;

  // A new group, in a new epoch.
  Group(const CreateCommand& command, uint32_t owner_uid, const Limits& limits,
        const Moment& moment);
  // A group from the store. REQUIRES: the record is valid.
  Group(Record record, const Limits& limits, Millis now);

  // Restoring, before any other call; everyone is detached. False: the slot, id
  // or life is out of range or taken.
  bool RestoreMember(Member member, Millis formation_timeout_ms, Millis now);
  bool RestoreGone(const Member& member);
  bool RestoreBlob(Blob blob);
  void RestoreBarrier(const std::string& name, uint64_t round);
  // After the last of these.
  void FinishRestoring(Millis now);
  // A detached member has a stream after all. False: there is no such life.
  bool Attach(const std::string& member_id, uint64_t incarnation,
              StreamId stream);
  // Brings forward, or puts off, the moment at which a detached member is lost.
  void SetDetachDeadline(uint64_t incarnation, Millis deadline);

  Result<JoinAnswer> Join(const JoinCommand& command, const Caller& caller,
                          StreamId stream, const Moment& moment);
  Result<uint64_t> Leave(const Fence& fence, const Moment& moment);

  // The stream ended without a word. Nothing happens when it is not the
  // member's newest one.
  void StreamBroken(StreamId stream, const std::string& code,
                    const std::string& text, const Moment& moment);
  // The connection to the member's node broke; it may resume until `deadline`.
  void Detach(StreamId stream, Millis deadline, const std::string& text,
              const Moment& moment);
  // The node of some members is silent, is heard again, or is gone (then Tick
  // takes them out).
  void SuspectNode(const std::string& node, const std::string& text,
                   const Moment& moment);
  void ClearNode(const std::string& node, const std::string& text,
                 const Moment& moment);
  void LoseNode(const std::string& node, const std::string& text, Millis now);

  Result<Done> Publish(const Fence& fence, const std::string& name,
                       std::shared_ptr<const std::string> data,
                       const Moment& moment);
  // The blob, or nothing: the waiter gets it, or a refusal, later.
  Result<std::optional<Blob>> GetBlob(const Fence& fence,
                                      const std::string& name, const Wait& wait,
                                      Millis now);
  // True: all have come. False: the waiter is answered later.
  Result<bool> Barrier(const Fence& fence, const std::string& name,
                       uint64_t round, const Wait& wait, const Moment& moment);
  // What is on record, or nothing: the waiter is answered later.
  Result<std::optional<Committed>> Commit(const Fence& fence,
                                          const std::string& hash,
                                          uint64_t round, int64_t wall_unix_ms,
                                          const Wait& wait,
                                          const Moment& moment);
  void CancelWaiter(WaiterId waiter);

  // Another plan, for those who are left. The plan's bytes are an effect.
  Result<ReplanOutcome> Replan(const ReplanCommand& command,
                               const Replanner& replanner,
                               const Moment& moment);
  // Ends every stream and wait. The group must be dropped afterwards.
  void Delete(const std::string& why, Effects* effects);
  // Does what is due, until the effects are full.
  void Tick(const Replanner& replanner, const Moment& moment);
  // When Tick has something to do; none: not until something else happens.
  std::optional<Millis> NextDeadline() const;
  // Whether it was without anybody for the time to live.
  bool Expired(Millis now) const;

  const Record& record() const { return record_; }
  const Roster& roster() const { return roster_; }
  const std::map<std::string, Blob>& blobs() const { return board_.blobs(); }
  const std::map<std::string, uint64_t>& barriers() const {
    return meetings_.passed();
  }
  // Slots that are held.
  uint32_t member_count() const { return roster_.member_count(); }
  bool complete() const { return roster_.complete(); }
  Usage usage() const;
  // The events after this one, oldest first; none: some of them are forgotten.
  std::optional<std::vector<EventPtr>> EventsAfter(uint64_t sequence) const {
    return log_.EventsAfter(sequence, record_.sequence);
  }
  const std::deque<Decision>& decisions() const { return log_.decisions(); }
  // What it, and those in it, wait for.
  std::vector<Waiting> Waits() const;
  // A refusal is worth explaining later.
  void Remember(const Refusal& refusal, Millis now);

 private:
  struct Cause {
    EventType type;
    std::string code;
    std::string text;
  };

  std::optional<Refusal> CheckEpoch(const Fence& fence) const;
  // Any member, a spare too; and only one with a slot.
  std::optional<Refusal> CheckMember(const Fence& fence) const;
  std::optional<Refusal> CheckFence(const Fence& fence) const;
  std::optional<Refusal> CheckRound(const std::string& hash,
                                    uint64_t round) const;

  // The slot to take; none: it parks.
  Result<std::optional<uint32_t>> ChooseSlot(const JoinCommand& command) const;
  Result<JoinAnswer> Resume(const JoinCommand& command, const Caller& caller,
                            StreamId stream, const Moment& moment);
  JoinAnswer Place(const JoinCommand& command, const Caller& caller,
                   std::optional<uint32_t> slot, StreamId stream,
                   const Moment& moment);
  void Sit(Member member, uint32_t slot, StreamId stream,
           Millis formation_timeout_ms, const Moment& moment);
  void Remove(Seat* seat, const Cause& cause, std::optional<Refusal> stream_end,
              const Moment& moment);
  // Gives free slots to spares, and tells when all slots are held. After every
  // change of who is there.
  void Settle(const Moment& moment);
  void Promote(const Moment& moment);
  void Expire(Seat* seat, const Moment& moment);
  template <typename Do>
  void ForNode(const std::string& node, Do what);

  void Apply(const ReplanCommand& command, const Cause& cause,
             const ReplanOutcome& outcome, const Moment& moment);
  ReplanOutcome Outcome(const ReplanCommand& command,
                        ReplanAnswer answer) const;
  void ReplanOnLoss(const Replanner& replanner, const Moment& moment);

  void NewEpoch(const Moment& moment);
  void Emit(EventType type, std::optional<Member> member, std::string code,
            std::string text, const Moment& moment);
  void Decide(const std::string& code, const std::string& text, Millis now);
  void SetReason(std::string code, std::string text);
  std::string DescribeFreeSlots() const;
  std::string Situation() const;

  Record record_;
  const Limits limits_;
  Roster roster_;
  BlobBoard board_;
  MeetingBoard meetings_;
  GroupLog log_;
  // Whether COMPLETE was told of the members as they are.
  bool announced_ = false;
  // Whether a spare may be heard again that Settle did not look at.
  bool unsettled_ = false;
  // When those who were lost together are counted.
  std::optional<Millis> replan_at_;
  // Since when nobody is there.
  std::optional<Millis> empty_since_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_H_
