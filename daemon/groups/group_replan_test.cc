// Another plan: who asks, who keeps what, what is told.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

class ReplanTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    machine_.SetReplanner(Answering());
    Make(OnLoss::kReplan);
  }
  void Make(OnLoss on_loss) {
    CreateCommand command{"g", 4, "hash", 5};
    command.on_loss = on_loss;
    command.min_size = 2;
    command.constraints = "kept";
    ASSERT_TRUE(machine_.Create(kOwner, command, now_, &effects_).ok());
    for (int i = 0; i < 4; ++i)
      joined_[i] = Join(std::string(1, static_cast<char>('a' + i)), 1 + i);
    Take();
  }
  // Those who are left, the last one first, without the lowest `idle_`.
  Replanner Answering() {
    return [this](const ReplanQuestion& question) -> Result<ReplanAnswer> {
      asked_ = question;
      if (impossible_) {
        return Refusal{absl::StatusCode::kFailedPrecondition,
                       "REPLAN_IMPOSSIBLE",
                       "nothing fits",
                       "wait",
                       {}};
      }
      ReplanAnswer answer;
      for (uint32_t i = 4; i-- > idle_;) {
        bool lost = false;
        for (uint32_t slot : question.lost) lost = lost || slot == i;
        if (!lost) answer.old_ranks.emplace_back(i);
      }
      answer.plan_hash = "new";
      answer.plan = "bytes";
      answer.text = "three of four go on";
      return answer;
    };
  }
  std::string SlotsText() {
    std::string text;
    for (const Seat& seat : group().roster().slots())
      text += seat.member.has_value() ? seat.member->id : "-";
    for (const auto& [life, seat] : group().roster().spares())
      text += "+" + seat.member->id;
    return text;
  }

  JoinAnswer joined_[4];
  ReplanQuestion asked_;
  bool impossible_ = false;
  uint32_t idle_ = 0;
};

TEST_F(ReplanTest, AfterALossThoseWhoRemainGetAPlan) {
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(Notices(), "6:lost@2/b ");
  EXPECT_EQ(group().Waits().back().code, "REPLAN");
  Take();
  machine_.Tick(now_ + 199, &effects_);
  EXPECT_EQ(Notices(), "") << "others may be lost with it";
  machine_.StreamBroken("g", 4, now_ + 199, &effects_);
  Take();
  machine_.Tick(now_ + 200, &effects_);
  EXPECT_EQ(asked_.lost, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(asked_.plan_hash, "hash");
  EXPECT_EQ(asked_.constraints, "kept");
  EXPECT_EQ(asked_.min_size, 2u);
  EXPECT_EQ(Notices(), "8:replanned@4 9:complete@4 ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "REPLAN_ON_LOSS");
  EXPECT_EQ(SlotsText(), "ca");
  EXPECT_TRUE(group().complete());
  EXPECT_EQ(effects_.assigned.size(), 2u);
  EXPECT_EQ(effects_.renewed.count("g"), 1u);
  EXPECT_EQ(effects_.plans.at("new"), "bytes");
  EXPECT_EQ(effects_.dirty.seatings.count("g"), 1u);
  EXPECT_TRUE(effects_.dirty.full()) << "nothing is added to it";
  EXPECT_EQ(group().record().plan_hash, "new");
  EXPECT_TRUE(
      machine_
          .Publish(kOwner, FenceOf("a", joined_[0]), "n", "x", now_, &effects_)
          .ok());
}

TEST_F(ReplanTest, ASpareIsBetterThanAnotherPlan) {
  Park("s", 9);
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_TRUE(group().complete());
  EXPECT_EQ(machine_.NextDeadline(), std::nullopt);
  EXPECT_EQ(SlotsText(), "ascd");
}

TEST_F(ReplanTest, AGroupThatNeverWasCompleteWaits) {
  ASSERT_TRUE(machine_.Delete(kOwner, "g", true, &effects_).ok());
  CreateCommand command{"g", 4, "hash", 5};
  command.on_loss = OnLoss::kReplan;
  ASSERT_TRUE(machine_.Create(kOwner, command, now_, &effects_).ok());
  Join("a", 11);
  Join("b", 12);
  machine_.StreamBroken("g", 12, now_, &effects_);
  machine_.Tick(now_ + 1000, &effects_);
  EXPECT_EQ(group().record().plan_hash, "hash");
}

TEST_F(ReplanTest, WhenNoPlanIsPossibleItWaitsAndSaysWhy) {
  impossible_ = true;
  machine_.StreamBroken("g", 2, now_, &effects_);
  machine_.Tick(now_ + 200, &effects_);
  EXPECT_EQ(group().record().reason_code, "REPLAN_IMPOSSIBLE");
  EXPECT_EQ(group().decisions().back().code, "REPLAN_IMPOSSIBLE");
  EXPECT_EQ(group().record().size, 4u);
  EXPECT_EQ(Join("b", 22).slot, 1u);
  EXPECT_TRUE(group().complete());
}

TEST_F(ReplanTest, ByHandWithAMoveTableAndThoseWithoutSlotsParked) {
  idle_ = 1;
  ReplanCommand command;
  command.fence = {"g", epoch(), "", 0};
  command.lost_slots = {2};
  command.dry_run = true;
  const auto dry =
      machine_.Replan(kOwner, command, Answering(), now_, &effects_);
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ(epoch(), 1u);
  EXPECT_TRUE(effects_.dirty.empty());
  command.dry_run = false;
  const auto done =
      machine_.Replan(kOwner, command, Answering(), now_, &effects_);
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(done.value().moves.size(), 3u) << "b stays at slot 1";
  EXPECT_EQ(done.value().moves[0].member_id, "a");
  EXPECT_FALSE(done.value().moves[0].new_slot.has_value());
  EXPECT_EQ(done.value().moves[2].new_slot, 0u);
  EXPECT_EQ(SlotsText(), "db+a+c");
  EXPECT_EQ(Notices(), "6:replanned@2 7:parked@2/a 8:parked@2/c 9:complete@2 ");
  EXPECT_EQ(effects_.assigned.size(), 4u);
}

TEST_F(ReplanTest, CreatingAgainFindsTheGroupByItsFirstPlan) {
  machine_.StreamBroken("g", 2, now_, &effects_);
  machine_.Tick(now_ + 200, &effects_);
  const auto again =
      machine_.Create(kOwner, {"g", 4, "hash", 5}, now_, &effects_);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again.value());
}

TEST_F(ReplanTest, RefusalsSayWhatToDo) {
  const auto reason = [this](const Fence& fence, uint32_t lost) {
    ReplanCommand command;
    command.fence = fence;
    command.lost_slots = {lost};
    const auto done =
        machine_.Replan(kOwner, command, Answering(), now_, &effects_);
    return done.ok() ? "OK" : ReasonOf(done.refusal());
  };
  EXPECT_EQ(reason({"g", 9, "", 0}, 0), "UNKNOWN_EPOCH");
  EXPECT_EQ(reason({"g", 1, "a", 77}, 0), "STALE_INCARNATION");
  EXPECT_EQ(reason({"h", 1, "", 0}, 0), "GROUP_NOT_FOUND");
  EXPECT_EQ(reason({"g", 1, "", 0}, 4), "INVALID_REQUEST");
  impossible_ = true;
  EXPECT_EQ(reason({"g", 1, "", 0}, 0), "REPLAN_IMPOSSIBLE");
  EXPECT_EQ(epoch(), 1u);
  const Caller stranger{2000, 2000, 1, false};
  ReplanCommand command;
  command.fence = {"g", 1, "", 0};
  EXPECT_EQ(
      ReasonOf(machine_.Replan(stranger, command, Answering(), now_, &effects_)
                   .refusal()),
      "NOT_OWNER");
  CreateCommand large{"h", 4, "hash", 5};
  large.min_size = 5;
  EXPECT_EQ(ReasonOf(machine_.Create(kOwner, large, now_, &effects_).refusal()),
            "INVALID_REQUEST");
}

}  // namespace
}  // namespace ithaca::groups
