// The store as a sequential machine: what Get, List, Txn and Revision of
// daemon/store must answer when they are done one after another.
//
// Used with Linearizer. Threads: values and pure functions. Revisions pin down
// nearly every order, so whole histories are checked without being split by
// key.
#ifndef ITHACA_TESTS_HISTORIES_STORE_MODEL_H_
#define ITHACA_TESTS_HISTORIES_STORE_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace ithaca::histories {

struct StoreCall {
  enum class Kind { kGet, kList, kTxn, kRevision };
  Kind kind = Kind::kGet;
  // Asked. kGet: the key; kList: the prefix.
  std::string key;
  std::string after;
  size_t limit = 0;
  std::vector<store::Compare> compares;
  std::vector<store::Op> ops;
  // Whether there was an answer; the rest is it.
  bool answered = true;
  std::optional<store::KeyValue> entry;
  store::ListResult list;
  store::TxnResult txn;
  int64_t revision = 0;
};

class StoreModel {
 public:
  struct State {
    // A negative revision -n is one that nobody was told: some n or greater.
    std::map<std::string, store::KeyValue> entries;
    // At least.
    int64_t revision = 0;
  };
  using Call = StoreCall;

  // `dense`: revisions are 1, 2, ...; else others may take some in between.
  explicit StoreModel(bool dense) : dense_(dense) {}

  void Step(const State& state, const Call& call,
            std::vector<State>* next) const;
  bool TooLate(const State& state, const Call& call) const;
  std::string Key(const State& state) const;
  std::string Show(const State& state) const;
  std::string Show(const Call& call) const;

  // What the call answers in this state, and the state afterwards: an
  // implementation without concurrency, to make valid histories from.
  static void Execute(State* state, Call* call);

 private:
  bool Read(int64_t revision, State* state) const;
  bool StepTxn(const Call& call, State* state) const;

  const bool dense_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_STORE_MODEL_H_
