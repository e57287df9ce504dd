// Whether numbers that must be given out once, and only rise, were and did:
// epochs and incarnations of all groups of a store, as clients saw them.
//
// Used by the tests of this folder. Threads: confined to its caller's.
#ifndef ITHACA_TESTS_HISTORIES_EPOCH_LEDGER_H_
#define ITHACA_TESTS_HISTORIES_EPOCH_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ithaca::histories {

class EpochLedger {
 public:
  // A client saw the number between these moments. `owner` is whom it was given
  // to: a group for an epoch, a member's life for an incarnation.
  void Saw(uint64_t number, const std::string& owner, int64_t call_ns,
           int64_t return_ns);

  // The same, and the call is known to have made the number.
  void Made(uint64_t number, const std::string& owner, int64_t call_ns,
            int64_t return_ns);

  // One text for each violation:
  //   repeated         a number with two owners
  //   went back        an owner's number is lower than one that somebody had
  //                    seen of it before the call began
  //   given out again  a made number is not above all that somebody had seen
  //                    before the call began
  std::vector<std::string> Check() const;

  size_t size() const { return seen_.size(); }

 private:
  struct Sight {
    uint64_t number;
    std::string owner;
    int64_t call_ns;
    int64_t return_ns;
    bool made;
  };
  std::vector<Sight> seen_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_EPOCH_LEDGER_H_
