// The checker on histories of a store: what is valid passes, what is not is
// found and explained.
#include "tests/histories/store_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/histories/linearizer.h"

namespace ithaca::histories {
namespace {

using History = std::vector<Recorded<StoreCall>>;
using store::KeyValue;
using store::Op;

// Each call is [call, end] in ns; client by its place.
Recorded<StoreCall> At(int64_t call, int64_t end, StoreCall what) {
  return {{call, end, what.answered, 0}, std::move(what)};
}

StoreCall Put(const std::string& key, const std::string& value, int64_t was,
              bool committed, int64_t revision) {
  StoreCall call;
  call.kind = StoreCall::Kind::kTxn;
  call.compares = {{key, was}};
  call.ops = {Op::Put(key, value)};
  call.txn = {committed, revision};
  return call;
}

StoreCall Unknown(StoreCall call) {
  call.answered = false;
  return call;
}

StoreCall Got(const std::string& key, std::optional<KeyValue> entry) {
  StoreCall call;
  call.kind = StoreCall::Kind::kGet;
  call.key = key;
  call.entry = std::move(entry);
  return call;
}

StoreCall Listed(std::vector<KeyValue> entries, int64_t revision) {
  StoreCall call;
  call.kind = StoreCall::Kind::kList;
  call.limit = 10;
  call.list = {std::move(entries), false, revision};
  return call;
}

StoreCall RevisionWas(int64_t revision) {
  StoreCall call;
  call.kind = StoreCall::Kind::kRevision;
  call.revision = revision;
  return call;
}

Finding Check(const History& history, bool dense = true) {
  return CheckLinearizable(StoreModel(dense), history, StoreModel::State());
}

void ExpectValid(const History& history) {
  const Finding sparse = Check(history, false);
  EXPECT_EQ(sparse.verdict, Verdict::kLinearizable) << sparse.text;
  const Finding finding = Check(history);
  EXPECT_EQ(finding.verdict, Verdict::kLinearizable) << finding.text;
}

// The counterexample must show the call that nothing explains.
void ExpectViolation(const History& history, const std::string& culprit) {
  const Finding finding = Check(history);
  ASSERT_EQ(finding.verdict, Verdict::kViolation);
  const std::string first = finding.text.substr(0, finding.text.find("states"));
  EXPECT_NE(first.find(culprit), std::string::npos) << finding.text;
}

TEST(SeededTest, ReadsOneAfterAnotherAreValid) {
  ExpectValid({At(0, 1, Put("a", "x", 0, true, 1)),
               At(2, 3, Got("a", KeyValue{"a", "x", 1, 1})),
               At(4, 5, Put("a", "y", 1, true, 2)),
               At(6, 7, Got("a", KeyValue{"a", "y", 1, 2})),
               At(8, 9, RevisionWas(2))});
}

TEST(SeededTest, StaleReadIsFound) {
  ExpectViolation(
      {At(0, 1, Put("a", "x", 0, true, 1)), At(2, 3, Put("a", "y", 1, true, 2)),
       At(4, 5, Got("a", KeyValue{"a", "x", 1, 1}))},
      "Get a -> a=x@1/1");
}

TEST(SeededTest, ReadDuringAWriteMayBeOldOrNew) {
  const auto write = At(2, 10, Put("a", "y", 1, true, 2));
  const auto first = At(0, 1, Put("a", "x", 0, true, 1));
  ExpectValid({first, write, At(3, 4, Got("a", KeyValue{"a", "x", 1, 1}))});
  ExpectValid({first, write, At(3, 4, Got("a", KeyValue{"a", "y", 1, 2}))});
}

TEST(SeededTest, BackInTimeIsFound) {
  ExpectViolation({At(0, 1, Put("a", "x", 0, true, 1)),
                   At(2, 10, Put("a", "y", 1, true, 2)),
                   At(3, 4, Got("a", KeyValue{"a", "y", 1, 2})),
                   At(5, 6, Got("a", KeyValue{"a", "x", 1, 1}))},
                  "Get a -> a=x@1/1");
}

TEST(SeededTest, LostUpdateIsFound) {
  ExpectViolation(
      {At(0, 1, Put("a", "x", 0, true, 1)), At(2, 5, Put("a", "y", 1, true, 2)),
       At(2, 6, Put("a", "z", 1, true, 3))},
      "Txn");
}

TEST(SeededTest, DirtyReadIsFound) {
  ExpectViolation({At(0, 1, Put("a", "x", 0, true, 1)),
                   At(2, 5, Put("a", "y", 7, false, 1)),
                   At(3, 6, Got("a", KeyValue{"a", "y", 1, 2}))},
                  "Get");
}

TEST(SeededTest, WrongRefusalIsFound) {
  ExpectViolation({At(0, 1, Put("a", "x", 0, false, 0))}, "refused");
}

TEST(SeededTest, TornTransactionIsFound) {
  StoreCall both = Put("a", "x", 0, true, 1);
  both.ops.push_back(Op::Put("b", "x"));
  ExpectViolation({At(0, 9, both), At(1, 3, Listed({{"a", "x", 1, 1}}, 1))},
                  "List");
}

TEST(SeededTest, RevisionGivenTwiceIsFound) {
  ExpectViolation({At(0, 5, Put("a", "x", 0, true, 1)),
                   At(0, 6, Put("b", "x", 0, true, 1))},
                  "Txn");
}

TEST(SeededTest, LostWriteIsFound) {
  ExpectViolation(
      {At(0, 1, Put("a", "x", 0, true, 1)), At(2, 3, RevisionWas(0))},
      "Revision -> 0");
}

TEST(SeededTest, OthersMayTakeRevisionsInBetween) {
  const History history = {At(0, 1, Put("a", "x", 0, true, 5)),
                           At(2, 3, RevisionWas(8)),
                           At(4, 5, Put("a", "y", 5, true, 9))};
  EXPECT_EQ(Check(history, true).verdict, Verdict::kViolation);
  EXPECT_EQ(Check(history, false).verdict, Verdict::kLinearizable);
  const History back = {At(0, 1, RevisionWas(8)),
                        At(2, 3, Put("a", "x", 0, true, 8))};
  EXPECT_EQ(Check(back, false).verdict, Verdict::kViolation);
}

TEST(SeededTest, UnknownOutcomeMayHappenLaterOrNever) {
  const auto lost = At(0, kNever, Unknown(Put("a", "x", 0, true, 1)));
  ExpectValid({lost, At(2, 3, Got("a", std::nullopt)),
               At(4, 5, Got("a", KeyValue{"a", "x", 1, 1}))});
  ExpectValid({lost, At(2, 3, RevisionWas(0)), At(8, 9, RevisionWas(0))});
}

TEST(SeededTest, UnknownOutcomeThatComesAndGoesIsFound) {
  ExpectViolation({At(0, kNever, Unknown(Put("a", "x", 0, true, 1))),
                   At(2, 3, Got("a", KeyValue{"a", "x", 1, 1})),
                   At(4, 5, Got("a", std::nullopt))},
                  "Get a -> none");
}

TEST(SeededTest, UnknownOutcomeAfterItsEndIsFound) {
  ExpectViolation({At(0, 4, Unknown(Put("a", "x", 0, true, 1))),
                   At(5, 6, Got("a", std::nullopt)),
                   At(7, 8, Got("a", KeyValue{"a", "x", 1, 1}))},
                  "Get a -> a=x@1/1");
}

TEST(SeededTest, SearchIsBounded) {
  History history;
  for (int i = 0; i < 24; ++i)
    history.push_back(
        At(0, kNever, Unknown(Put("k" + std::to_string(i), "v", 0, true, 1))));
  history.push_back(At(1, 2, Got("z", KeyValue{"z", "v", 1, 1})));
  const Finding finding =
      CheckLinearizable(StoreModel(true), history, StoreModel::State(), 10'000);
  EXPECT_EQ(finding.verdict, Verdict::kUnknown);
  EXPECT_NE(finding.text.find("gave up after"), std::string::npos);
}

// ---- random histories

class RandomStore {
 public:
  explicit RandomStore(uint64_t seed) : random_(seed) {}

  // Calls of `clients` that overlap, with the answers of calls done at moments
  // inside them; some outcomes are forgotten.
  History Make(int clients, int calls) {
    std::vector<std::pair<int64_t, Recorded<StoreCall>>> by_moment;
    for (int client = 0; client < clients; ++client) {
      int64_t now = Below(100);
      for (int i = 0; i < calls; ++i) {
        const int64_t moment = now + 1 + Below(100);
        const int64_t end = moment + 1 + Below(100);
        by_moment.push_back({moment, {{now, end, true, client}, {}}});
        now = end + 1 + Below(30);
      }
    }
    std::sort(by_moment.begin(), by_moment.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    History history;
    StoreModel::State state;
    for (auto& [moment, recorded] : by_moment) {
      Fill(&recorded, &state);
      history.push_back(std::move(recorded));
    }
    return history;
  }

  // Makes one answer wrong. False: nothing to change there.
  bool Mutate(StoreCall* call) {
    switch (call->kind) {
      case StoreCall::Kind::kGet:
        if (!call->entry.has_value()) return false;
        if (Below(2) == 0) {
          call->entry.reset();
        } else {
          call->entry->value += "!";
        }
        return true;
      case StoreCall::Kind::kList:
        call->list.revision += 1 + Below(3);
        return true;
      case StoreCall::Kind::kTxn:
        if (Below(2) == 0) {
          call->txn.committed = !call->txn.committed;
        } else {
          call->txn.revision += Below(2) == 0 ? 1 : -1;
        }
        return true;
      case StoreCall::Kind::kRevision:
        call->revision += Below(2) == 0 ? 1 : -1;
        return true;
    }
    return false;
  }

  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

 private:
  std::string SomeKey() { return std::string(1, 'a' + Below(4)); }

  StoreCall SomeCall(const StoreModel::State& state) {
    StoreCall call;
    call.key = SomeKey();
    switch (Below(8)) {
      case 0:
      case 1:
        return call;
      case 2:
        call.kind = StoreCall::Kind::kList;
        call.key = "";
        call.limit = 1 + Below(4);
        return call;
      case 3:
        call.kind = StoreCall::Kind::kRevision;
        return call;
      default:
        break;
    }
    call.kind = StoreCall::Kind::kTxn;
    const auto found = state.entries.find(call.key);
    const int64_t mod =
        found == state.entries.end() ? 0 : found->second.mod_revision;
    if (Below(3) != 0)
      call.compares = {{call.key, Below(4) == 0 ? mod + 1 : mod}};
    call.ops = {Below(5) == 0
                    ? Op::Delete(call.key)
                    : Op::Put(call.key, "v" + std::to_string(++value_))};
    return call;
  }

  void Fill(Recorded<StoreCall>* recorded, StoreModel::State* state) {
    recorded->call = SomeCall(*state);
    const bool forget =
        recorded->call.kind == StoreCall::Kind::kTxn && Below(20) == 0;
    if (!forget || Below(2) == 0) StoreModel::Execute(state, &recorded->call);
    if (!forget) return;
    recorded->call.answered = recorded->span.answered = false;
    if (Below(2) == 0) recorded->span.end_ns = kNever;
  }

  std::mt19937_64 random_;
  int value_ = 0;
};

TEST(RandomTest, ValidHistoriesPass) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int round = 0; round < 20; ++round) {
    ExpectValid(RandomStore(seed + round).Make(6, 40));
  }
}

TEST(RandomTest, NearlyAllMutationsAreFound) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  int mutated = 0, found = 0;
  for (int round = 0; round < 150; ++round) {
    RandomStore random(seed + round);
    History history = random.Make(4, 25);
    auto& victim = history[random.Below(history.size())];
    if (!victim.span.answered || !random.Mutate(&victim.call)) continue;
    ++mutated;
    if (Check(history).verdict == Verdict::kViolation) ++found;
  }
  std::printf("%d of %d mutations found\n", found, mutated);
  ASSERT_GT(mutated, 50);
  // Some are valid by chance: a call that overlaps another may see it or not.
  EXPECT_GE(found * 4, mutated * 3);
}

}  // namespace
}  // namespace ithaca::histories
