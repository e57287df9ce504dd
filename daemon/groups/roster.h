// Who sits where in one group: slots, spares, who held what last, and when each
// must have done something.
//
// Keeps its indexes in step, so that nothing is searched for: a group of
// thousands forms one join at a time. Decides nothing. Used by Group and, to
// read, by records and convert. Threads: confined to the caller's. Life: a new
// one when slots are numbered anew; it may be moved, not copied.
#ifndef ITHACA_DAEMON_GROUPS_ROSTER_H_
#define ITHACA_DAEMON_GROUPS_ROSTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/groups/types.h"

namespace ithaca::groups {

// A slot, or the place of one spare.
struct Seat {
  std::optional<Member> member;
  // Who held it last, and in which life; empty and 0: nobody yet.
  std::string last_member_id;
  uint64_t last_incarnation = 0;
  Millis formation_timeout_ms = 0;
  // 0: no stream is open.
  StreamId stream = 0;
  // When the member gives up waiting; none: the group is complete, or it is
  // parked. Changed by Roster alone, like all below.
  std::optional<Millis> formation_deadline;
  // When a detached member, or one that is known to be gone, is lost.
  std::optional<Millis> detach_deadline;
  // Why, if another reason is known than that it did not come back.
  std::string gone_code;
  std::string gone_text;
};

class Roster {
 public:
  explicit Roster(uint32_t size);
  Roster(Roster&&) = default;
  Roster& operator=(Roster&&) = default;

  const std::vector<Seat>& slots() const { return slots_; }
  // By incarnation: first come first.
  const std::map<uint64_t, Seat>& spares() const { return spares_; }
  uint32_t member_count() const { return member_count_; }
  bool complete() const { return free_.empty(); }
  bool empty() const { return member_count_ == 0 && spares_.empty(); }
  // Ascending.
  const std::set<uint32_t>& free_slots() const { return free_; }

  // Null: there is none. A spare's too.
  Seat* Find(const std::string& member_id);
  const Seat* Find(const std::string& member_id) const;
  Seat* FindStream(StreamId stream);
  // The seat whose member, or whose last one, has this life.
  const Seat* FindLife(uint64_t incarnation) const;

  // The free slot that this member id held, else the lowest that nobody held,
  // else the lowest; none: all are held.
  std::optional<uint32_t> ChooseFree(const std::string& member_id) const;

  // REQUIRES: nobody has the member's id; the slot is free.
  Seat& Take(Member member, uint32_t slot, StreamId stream,
             Millis formation_timeout_ms);
  Seat& Park(Member member, StreamId stream, Millis formation_timeout_ms);
  // Who held a free slot last. REQUIRES: nobody did so far.
  void SetLast(uint32_t slot, const std::string& member_id,
               uint64_t incarnation);
  // Takes the member, with its deadlines, out of its seat, which remembers it.
  Seat Vacate(Seat* seat);

  void SetStream(Seat* seat, StreamId stream);
  void SetFormationDeadline(Seat* seat, std::optional<Millis> at);
  void SetDetachDeadline(Seat* seat, std::optional<Millis> at);
  // All that are in slots wait from now on, or no longer.
  void StartFormation(Millis now);
  void StopFormation();
  // The seat that is due first, and when; none: nobody waits.
  std::optional<std::pair<Millis, Seat*>> NextDue() const;

 private:
  void Index(Seat* seat);
  void Unindex(Seat* seat);
  void ForgetLast(uint32_t slot);
  void SetDeadline(Seat* seat, std::optional<Millis>* deadline,
                   std::optional<Millis> at);

  std::vector<Seat> slots_;
  std::map<uint64_t, Seat> spares_;
  uint32_t member_count_ = 0;
  std::set<uint32_t> free_;
  // Free slots that nobody held.
  std::set<uint32_t> fresh_;
  std::unordered_map<std::string, Seat*> by_id_;
  // Free slots, by who held them last.
  std::unordered_map<std::string, uint32_t> by_last_id_;
  std::unordered_map<uint64_t, Seat*> by_life_;
  std::unordered_map<StreamId, Seat*> by_stream_;
  std::set<std::pair<Millis, Seat*>> due_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_ROSTER_H_
