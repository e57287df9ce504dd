// Valid histories of a group, made by doing random calls one after another on a
// small group of its own (an implementation of the rules that the model states
// as relations) and forgetting the order: each call gets an interval around its
// moment, and some outcomes are forgotten.
//
// Used by the checker's own tests. Threads: confined.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_HISTORIES_FOR_TEST_H_
#define ITHACA_TESTS_HISTORIES_GROUP_HISTORIES_FOR_TEST_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/histories/group_model.h"
#include "tests/histories/linearizer.h"

namespace ithaca::histories {

class RandomGroup {
 public:
  RandomGroup(uint64_t seed, uint32_t size) : random_(seed), size_(size) {}

  std::vector<Recorded<GroupCall>> Make(int clients, int calls);
  // Makes one answer wrong. False: there is nothing to change.
  bool Mutate(GroupCall* call);
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

 private:
  struct Life {
    uint64_t incarnation = 0;
    uint64_t epoch = 0;
    uint64_t attempt = 0;
  };
  GroupCall Ask(int client);
  GroupCall::Kind SomeKind(bool joined);
  void Answer(GroupCall* call, Life* life);
  void AnswerFenced(GroupCall* call);
  std::string WhyNot(const GroupCall& call) const;
  GroupView View() const;
  void Remove(const std::string& member);
  void Note(GroupCall* call, Life* life) const;

  std::mt19937_64 random_;
  const uint32_t size_;
  uint64_t last_number_ = 1000;
  bool exists_ = false;
  uint64_t epoch_ = 0;
  uint64_t sequence_ = 0;
  std::map<uint32_t, MemberSeen> members_;
  std::map<std::string, std::string> blobs_;
  std::map<int, Life> lives_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_HISTORIES_FOR_TEST_H_
