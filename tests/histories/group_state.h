// An attention group's state as clients know it, and what can happen to it.
//
// Used by GroupModel. Threads: values. What nobody was told is learnt: an epoch
// is "more than the one before" until an answer names it; so are an incarnation
// and an event's number. A Learn function returns false when what was seen
// contradicts the state.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_STATE_H_
#define ITHACA_TESTS_HISTORIES_GROUP_STATE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ithaca::histories {

struct MemberSeen {
  std::string id;
  // 0 in a state: not known yet.
  uint64_t incarnation = 0;
};

struct CommitSeen {
  uint64_t epoch = 0;
  // Number of the round, and the bytes.
  std::string round;
  std::string data;
};

// What an answer shows of a group.
struct GroupView {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  std::map<uint32_t, MemberSeen> members;  // by slot
  std::vector<MemberSeen> spares;
  std::set<std::string> blobs;
  // Epoch 0: nothing was committed.
  CommitSeen commit;
};

// A use of a barrier or a vote: kind or name, and round.
using Meeting = std::pair<std::string, std::string>;
inline constexpr char kCommit[] = "commit";

struct GroupState {
  bool exists = false;
  // Known, or 0: more than `epoch_floor`.
  uint64_t epoch = 0;
  uint64_t epoch_floor = 0;
  // Number of the latest event: at least this, or exactly.
  uint64_t sequence = 0;
  bool sequence_known = false;
  // Whether events may come that change nothing here: somebody is in doubt.
  bool silent_events = false;
  std::map<uint32_t, MemberSeen> members;  // by slot
  std::vector<MemberSeen> spares;
  // Epoch 0: nothing; kUnknownEpoch: the epoch in force, which nobody knows.
  CommitSeen commit;

  // Of the epoch in force:
  std::map<std::string, std::string> blobs;
  struct Arrival {
    // Of one member, rising. Empty data: withdrawn.
    uint64_t attempt = 0;
    std::string data;
  };
  std::map<std::pair<Meeting, std::string>, Arrival> arrivals;  // by member
  std::map<Meeting, std::string> met;
  // Members came with different bytes.
  std::set<Meeting> differs;

  // ---- what is learnt

  bool LearnEpoch(uint64_t seen);
  bool LearnView(const GroupView& view);
  // Whether there is such a life, with a slot or (true) without; incarnation 0:
  // whichever.
  MemberSeen* FindMember(const std::string& id);
  MemberSeen* FindSpare(const std::string& id);
  static bool IsLife(const MemberSeen* member, uint64_t incarnation);

  // ---- what happens

  // Epoch 0: nobody was told it.
  void Create(uint64_t first_epoch);
  void Delete();
  void Place(uint32_t slot, MemberSeen member);
  void Park(MemberSeen member);
  // Ends the epoch; or takes a spare out, which does not.
  void Remove(const std::string& id);
  // A spare, by its place in the line, gets a free slot.
  void Promote(size_t spare, uint32_t slot);
  // A member of the epoch is at the meeting with these bytes. The last one of
  // `size` makes it happen.
  void Arrive(const Meeting& meeting, const std::string& member,
              uint64_t attempt, const std::string& data, uint32_t size);
  void Withdraw(const Meeting& meeting, const std::string& member,
                uint64_t attempt);

 private:
  bool LearnSequence(uint64_t seen);
  bool LearnCommit(const CommitSeen& seen);
  void NewEpoch();
  void Happen();
};

// For people, and equal for equal states.
std::string Show(const GroupState& state);
std::string Show(const GroupView& view);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_STATE_H_
