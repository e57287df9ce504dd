// Spares: who parks, who gets a slot, and when.
#include <gtest/gtest.h>

#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

class SparesTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    Create("g", 2);
    a_ = Join("a", 1);
    Join("b", 2);
    Take();
  }
  JoinAnswer a_;
};

TEST_F(SparesTest, OnesThatAreNotNeededPark) {
  for (int i = 0; i < 100; ++i) {
    const JoinAnswer s = Park("s" + std::to_string(i), 10 + i);
    EXPECT_TRUE(s.parked);
    EXPECT_FALSE(s.resumed);
  }
  EXPECT_EQ(group().roster().spares().size(), 100u);
  EXPECT_EQ(epoch(), 1u);
  EXPECT_EQ(effects_.notices[0].event->reason_code, "GROUP_FULL");
  EXPECT_EQ(machine_.NextDeadline(), std::nullopt) << "they wait for ever";
}

TEST_F(SparesTest, AParkingMemberTakesAFreeSlotAtOnce) {
  machine_.StreamBroken("g", 2, now_, &effects_);
  const JoinAnswer c = Park("c", 3);
  EXPECT_FALSE(c.parked);
  EXPECT_EQ(c.slot, 1u);
  EXPECT_TRUE(group().complete());
}

TEST_F(SparesTest, ALossGivesTheSlotToTheFirstSpare) {
  const JoinAnswer s = Park("s", 3);
  Park("t", 4);
  Take();
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(Notices(), "6:lost@2/b 7:promoted@2/s 8:complete@2 ");
  EXPECT_EQ(epoch(), 2u) << "one epoch for the loss and its repair";
  EXPECT_EQ(group().record().plan_hash, "hash");
  ASSERT_EQ(effects_.assigned.size(), 1u);
  EXPECT_EQ(effects_.assigned[0].stream, 3u);
  const Member& member = *group().roster().slots()[1].member;
  EXPECT_EQ(member.id, "s");
  EXPECT_EQ(member.incarnation, s.incarnation);
  EXPECT_EQ(effects_.dirty.members.count({"g", s.incarnation}), 1u);
  EXPECT_TRUE(
      machine_.Publish(kOwner, FenceOf("s", s), "n", "x", now_, &effects_)
          .ok());
}

TEST_F(SparesTest, AReturningMemberFindsItsSlotTakenAndParks) {
  Park("s", 3);
  machine_.StreamBroken("g", 2, now_, &effects_);
  JoinCommand back{"g", "b", std::nullopt, 0, "", "", 0};
  EXPECT_EQ(JoinReason(back), "GROUP_FULL");
  EXPECT_TRUE(Park("b", 5).parked);
  machine_.StreamBroken("g", 3, now_, &effects_);
  EXPECT_EQ(group().roster().Find("b")->member->slot, 1u);
}

TEST_F(SparesTest, ASpareThatEndsOrLeavesEndsNoEpoch) {
  Park("s", 3);
  const JoinAnswer t = Park("t", 4);
  Take();
  machine_.StreamBroken("g", 3, now_, &effects_);
  const auto left = machine_.Leave(kOwner, FenceOf("t", t), now_, &effects_);
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left.value(), 1u);
  EXPECT_EQ(Notices(), "6:lost@1/s 7:left@1/t ");
  EXPECT_TRUE(group().roster().spares().empty());
}

TEST_F(SparesTest, ASpareMayNotActAsAMember) {
  const JoinAnswer s = Park("s", 3);
  const Fence fence = FenceOf("s", s);
  EXPECT_EQ(
      ReasonOf(
          machine_.Publish(kOwner, fence, "n", "x", now_, &effects_).refusal()),
      "PARKED");
  EXPECT_EQ(
      ReasonOf(machine_.GetBlob(kOwner, fence, "n", 1, 0, now_).refusal()),
      "PARKED");
  EXPECT_EQ(
      ReasonOf(machine_.Barrier(kOwner, fence, "n", 0, 1, 0, now_, &effects_)
                   .refusal()),
      "PARKED");
  EXPECT_EQ(
      ReasonOf(
          machine_.Commit(kOwner, fence, {"h", 0, 0}, 1, 0, now_, &effects_)
              .refusal()),
      "PARKED");
}

TEST_F(SparesTest, ADetachedSpareIsNotPromotedBeforeItIsHeard) {
  const JoinAnswer s = Park("s", 3);
  machine_.Detach("g", 3, 1000, "the link broke", now_, &effects_);
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_FALSE(group().complete());
  JoinCommand resume{"g", "s", std::nullopt, s.incarnation, "", "", 0};
  const auto back = machine_.Join(kOwner, resume, 9, now_, &effects_);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back.value().resumed);
  EXPECT_FALSE(back.value().parked);
  EXPECT_EQ(back.value().slot, 1u);
  EXPECT_TRUE(group().complete());
}

TEST_F(SparesTest, OneUserCannotTakeEverything) {
  Limits limits;
  limits.max_groups_per_user = 2;
  limits.max_members_per_user = 2;
  limits.max_blob_bytes_per_user = 4;
  machine_ = GroupMachine(limits);
  Create("g", 2);
  Create("h", 2);
  EXPECT_EQ(
      ReasonOf(machine_.Create(kOwner, {"i", 2, "hash", 0}, now_, &effects_)
                   .refusal()),
      "LIMIT_EXCEEDED");
  const Caller other{2000, 2000, 1, false};
  EXPECT_TRUE(
      machine_.Create(other, {"i", 2, "hash", 0}, now_, &effects_).ok());
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  JoinCommand more{"h", "c", std::nullopt, 0, "", "", 0};
  EXPECT_EQ(JoinReason(more), "LIMIT_EXCEEDED");
  EXPECT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "n", "1234", now_, &effects_)
          .ok());
  EXPECT_EQ(
      ReasonOf(
          machine_.Publish(kOwner, FenceOf("a", a), "o", "5", now_, &effects_)
              .refusal()),
      "LIMIT_EXCEEDED");
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(JoinReason(more), "OK") << "what is given back may be used";
}

}  // namespace
}  // namespace ithaca::groups
