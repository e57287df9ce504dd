// Barriers and votes: when they succeed, whom they name when they do not.
#include <gtest/gtest.h>

#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

class AgreeTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    Create("g", 3);
    for (int i = 0; i < 3; ++i)
      joined_[i] = Join(std::string(1, static_cast<char>('a' + i)), 1 + i);
    Take();
  }
  Fence Of(int i) {
    return FenceOf(std::string(1, static_cast<char>('a' + i)), joined_[i]);
  }
  // "WAITS", "OK" or the reason.
  std::string Barrier(int i, uint64_t round, Millis wait = 500) {
    const auto passed = machine_.Barrier(kOwner, Of(i), "step", round,
                                         ++waiter_, wait, now_, &effects_);
    if (!passed.ok()) return ReasonOf(passed.refusal());
    return passed.value() ? "OK" : "WAITS";
  }
  std::string Commit(int i, const std::string& hash, uint64_t round,
                     Millis wait = 500) {
    const auto committed = machine_.Commit(kOwner, Of(i), {hash, round, 1234},
                                           ++waiter_, wait, now_, &effects_);
    if (!committed.ok()) {
      refusal_ = committed.refusal();
      return ReasonOf(refusal_);
    }
    if (!committed.value().has_value()) return "WAITS";
    return committed.value()->hash + "/" +
           std::to_string(committed.value()->round);
  }

  JoinAnswer joined_[3];
  WaiterId waiter_ = 0;
  Refusal refusal_;
};

TEST_F(AgreeTest, ABarrierPassesWhenAllCame) {
  EXPECT_EQ(Barrier(0, 0), "WAITS");
  EXPECT_EQ(Barrier(1, 0), "WAITS");
  EXPECT_EQ(Barrier(1, 0), "WAITS") << "twice is once";
  EXPECT_TRUE(effects_.answers.empty());
  EXPECT_EQ(Barrier(2, 0), "OK");
  EXPECT_EQ(effects_.answers.size(), 3u);
  for (const auto& answer : effects_.answers) EXPECT_TRUE(answer.answer.ok());
  EXPECT_EQ(effects_.dirty.barriers.count({"g", "step"}), 1u);
  EXPECT_EQ(Barrier(0, 0), "OK") << "after a lost answer";
  EXPECT_EQ(Barrier(0, 1), "WAITS") << "the next round is another one";
}

TEST_F(AgreeTest, ABarrierNamesWhoIsMissing) {
  EXPECT_EQ(Barrier(1, 0, 0), "BARRIER_TIMEOUT");
  EXPECT_EQ(Barrier(0, 0), "WAITS");
  EXPECT_EQ(Barrier(1, 0), "WAITS");
  machine_.Tick(now_ + 499, &effects_);
  EXPECT_TRUE(effects_.answers.empty());
  machine_.Tick(now_ + 500, &effects_);
  ASSERT_EQ(effects_.answers.size(), 2u);
  for (const auto& answer : effects_.answers) {
    const Refusal& refusal = answer.answer.refusal();
    EXPECT_EQ(ReasonOf(refusal), "BARRIER_TIMEOUT");
    EXPECT_EQ(refusal.facts.at("missing"), "2");
    EXPECT_NE(refusal.sentence.find("2 (c)"), std::string::npos);
  }
  EXPECT_EQ(Barrier(2, 0), "WAITS") << "those who gave up are there no longer";
}

TEST_F(AgreeTest, ACancelledCallIsThereNoLonger) {
  EXPECT_EQ(Barrier(0, 0), "WAITS");
  machine_.CancelWaiter("g", waiter_);
  EXPECT_EQ(Barrier(1, 0), "WAITS");
  EXPECT_EQ(Barrier(2, 0), "WAITS");
  EXPECT_EQ(Barrier(0, 0), "OK");
}

TEST_F(AgreeTest, AllMustVoteForTheSame) {
  EXPECT_EQ(Commit(0, "x", 0), "WAITS");
  EXPECT_EQ(Commit(1, "x", 0), "WAITS");
  EXPECT_EQ(Commit(2, "x", 0), "x/1");
  ASSERT_EQ(effects_.answers.size(), 2u);
  EXPECT_EQ(effects_.answers[0].answer.value().committed.hash, "x");
  EXPECT_EQ(group().record().last_commit.epoch, 1u);
  EXPECT_EQ(group().record().last_commit.unix_ms, 1234);
  EXPECT_EQ(effects_.dirty.groups.count("g"), 1u) << "it is recorded";
  EXPECT_EQ(Commit(1, "x", 0), "x/1") << "after a lost answer";
  EXPECT_EQ(Commit(1, "x", 1), "x/1");
  EXPECT_EQ(Commit(1, "y", 1), "COMMIT_DIFFERS") << "that round is over";
  EXPECT_EQ(Commit(1, "y", 0), "WAITS") << "the next vote";
}

TEST_F(AgreeTest, WhoDiffersIsNamedAtOnce) {
  EXPECT_EQ(Commit(0, "x", 7), "WAITS");
  EXPECT_EQ(Commit(2, "y", 7), "COMMIT_DIFFERS");
  EXPECT_EQ(refusal_.facts.at("differing"), "2");
  EXPECT_NE(refusal_.sentence.find("slot 0 gave 78, slot 2 gave 79"),
            std::string::npos)
      << refusal_.sentence;
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].answer.refusal().reason, "COMMIT_DIFFERS");
  EXPECT_EQ(Commit(1, "x", 7), "COMMIT_DIFFERS") << "late, and told too";
  EXPECT_EQ(group().record().last_commit.epoch, 0u);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Commit(i, "x", 8), "WAITS");
  EXPECT_EQ(Commit(2, "x", 8), "x/8");
}

TEST_F(AgreeTest, OneWhoChangesItsMindDiffersFromItself) {
  EXPECT_EQ(Commit(0, "x", 0), "WAITS");
  EXPECT_EQ(Commit(0, "y", 0), "COMMIT_DIFFERS");
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].answer.refusal().reason, "COMMIT_DIFFERS");
}

TEST_F(AgreeTest, AVoteNamesWhoIsMissing) {
  EXPECT_EQ(Commit(0, "x", 0), "WAITS");
  machine_.Tick(now_ + 500, &effects_);
  ASSERT_EQ(effects_.answers.size(), 1u);
  const Refusal& refusal = effects_.answers[0].answer.refusal();
  EXPECT_EQ(ReasonOf(refusal), "COMMIT_TIMEOUT");
  EXPECT_EQ(refusal.facts.at("missing"), "1,2");
}

TEST_F(AgreeTest, ANewEpochEndsBoth) {
  EXPECT_EQ(Barrier(0, 0), "WAITS");
  EXPECT_EQ(Commit(1, "x", 0), "WAITS");
  const Fence old = Of(0);
  machine_.StreamBroken("g", 3, now_, &effects_);
  ASSERT_EQ(effects_.answers.size(), 2u);
  for (const auto& answer : effects_.answers)
    EXPECT_EQ(answer.answer.refusal().reason, "STALE_EPOCH");
  EXPECT_EQ(
      ReasonOf(
          machine_.Barrier(kOwner, old, "step", 0, 99, 500, now_, &effects_)
              .refusal()),
      "STALE_EPOCH");
  EXPECT_EQ(
      ReasonOf(
          machine_.Commit(kOwner, old, {"x", 0, 0}, 99, 500, now_, &effects_)
              .refusal()),
      "STALE_EPOCH");
}

TEST_F(AgreeTest, BoundsAreKept) {
  EXPECT_EQ(Commit(0, "", 0), "INVALID_REQUEST");
  EXPECT_EQ(Commit(0, std::string(65, 'x'), 0), "INVALID_REQUEST");
  EXPECT_EQ(Commit(0, "x", 0, -1), "INVALID_REQUEST");
  EXPECT_EQ(Barrier(0, 0, 25 * 3'600'000), "INVALID_REQUEST");
}

TEST_F(AgreeTest, ExplainNamesThemToo) {
  EXPECT_EQ(Barrier(0, 3), "WAITS");
  EXPECT_EQ(Commit(1, "x", 0), "WAITS");
  ASSERT_TRUE(machine_.GetBlob(kOwner, Of(2), "id", 50, 100, now_).ok());
  const auto waits = group().Waits();
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_EQ(waits[0].code, "BARRIER");
  EXPECT_EQ(waits[0].missing_slots, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(waits[0].missing_members, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(waits[1].code, "COMMIT");
  EXPECT_EQ(waits[1].waiting_slots, std::vector<uint32_t>{1});
  EXPECT_EQ(waits[2].code, "BLOB");
  EXPECT_EQ(waits[2].waiting_slots, std::vector<uint32_t>{2});
  EXPECT_EQ(waits[2].deadline, now_ + 100);
}

}  // namespace
}  // namespace ithaca::groups
