// An attention group as a sequential machine: what the calls of
// ithaca.groups.v1 must answer when they are done one after another.
//
// Used with Linearizer, one history per group: groups share nothing but the
// counter that their epochs come from, so each is checked by itself (that all
// epochs differ is checked by EpochLedger). Threads: values and pure functions.
//
// Losses are calls that nobody makes: the driver adds one, with unknown
// outcome, whenever a member gives the daemon a reason to take it for lost, and
// only then, so that a loss without a reason is a violation. Barrier and Commit
// are two calls each, kArrive (unknown outcome, during the call) and kMeet with
// the answer, because the others' answers depend on the arrival.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_MODEL_H_
#define ITHACA_TESTS_HISTORIES_GROUP_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/histories/group_state.h"

namespace ithaca::histories {

struct GroupCall {
  enum class Kind {
    kCreate,
    kJoin,
    kResume,
    kLeave,
    kLost,
    kPublish,
    kGetBlob,
    kGet,
    kDelete,
    kArrive,
    kMeet,
  };
  Kind kind = Kind::kGet;
  // Asked. `epoch`, `member` and `incarnation` are the fence; kLost: the life,
  // incarnation 0: whichever.
  std::string member;
  uint64_t incarnation = 0;
  uint64_t epoch = 0;
  // kJoin: the slot wanted; whether it may park.
  std::optional<uint32_t> slot;
  bool may_park = false;
  // kArrive, kMeet: where, and which call of the member this is, from 1.
  Meeting meeting;
  uint64_t attempt = 0;
  // Blob.
  std::string name;
  // Of the blob or the vote; not empty.
  std::string data;
  bool force = false;

  // Whether there was an answer; the rest is it. A reason: refused.
  bool answered = true;
  std::string reason;
  // Epoch 0: none came along.
  GroupView view;
  // kLeave: the epoch after it; refused: the epoch in force.
  uint64_t told_epoch = 0;
  // kJoin, kResume.
  bool parked = false;
  uint32_t got_slot = 0;
  uint64_t got_incarnation = 0;
  std::string got_data;
  bool created = false;
};

// For people.
std::string Show(const GroupCall& call);

class GroupModel {
 public:
  using State = GroupState;
  using Call = GroupCall;

  // `away`: the daemon may be without word of spares, which then do not take a
  // slot that becomes free; else the first one does, in the same moment.
  explicit GroupModel(uint32_t size, bool away = false)
      : size_(size), away_(away) {}

  void Step(const State& state, const Call& call,
            std::vector<State>* next) const;
  bool TooLate(const State& state, const Call& call) const;
  std::string Key(const State& state) const { return histories::Show(state); }
  std::string Show(const State& state) const { return histories::Show(state); }
  std::string Show(const Call& call) const { return histories::Show(call); }

 private:
  bool Refuses(const Call& call, State* state) const;
  void StepJoin(const State& state, const Call& call,
                std::vector<State>* next) const;
  void Settle(const State& state, std::vector<State>* next) const;
  bool StepResume(const Call& call, State* state) const;
  bool Do(const Call& call, State* state) const;

  const uint32_t size_;
  const bool away_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_MODEL_H_
