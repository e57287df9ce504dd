// Members: who gets which slot, when the epoch moves, who may do what.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

TEST_F(GroupMachineTest, FormsAGroup) {
  Create("g", 2);
  EXPECT_EQ(epoch(), 1u);
  EXPECT_EQ(group().record().reason_code, "WAITING_FOR_MEMBERS");
  EXPECT_EQ(Join("a", 1).slot, 0u);
  EXPECT_FALSE(group().complete());
  EXPECT_EQ(group().roster().free_slots(), std::set<uint32_t>{1});
  EXPECT_EQ(Join("b", 2).slot, 1u);
  EXPECT_TRUE(group().complete());
  EXPECT_EQ(group().record().reason_code, "ALL_PRESENT");
  EXPECT_EQ(Notices(), "1:joined@1/a 2:joined@1/b 3:complete@1 ");
  EXPECT_EQ(epoch(), 1u);
}

TEST_F(GroupMachineTest, EveryWriteIsMarkedDirty) {
  Create("g", 2);
  Dirty dirty = Take().dirty;
  EXPECT_TRUE(dirty.counters);
  EXPECT_EQ(dirty.groups, std::set<std::string>{"g"});
  EXPECT_EQ(dirty.plans, std::set<std::string>{"hash"});
  const JoinAnswer a = Join("a", 1);
  dirty = Take().dirty;
  EXPECT_TRUE(dirty.counters);
  EXPECT_EQ(dirty.members.count({"g", a.incarnation}), 1u);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "n", "x", now_, &effects_)
          .ok());
  EXPECT_EQ(Take().dirty.blobs.count({"g", "n"}), 1u);
  machine_.StreamBroken("g", 1, now_, &effects_);
  dirty = Take().dirty;
  EXPECT_TRUE(dirty.counters);
  EXPECT_EQ(dirty.cleared.count("g"), 1u);
  EXPECT_EQ(dirty.members.count({"g", a.incarnation}), 1u);
  ASSERT_TRUE(machine_.Delete(kOwner, "g", false, &effects_).ok());
  EXPECT_EQ(Take().dirty.erased.count("g"), 1u);
}

TEST_F(GroupMachineTest, CreatingTwiceFindsTheSameGroup) {
  Create("g", 2);
  const auto again =
      machine_.Create(kOwner, {"g", 2, "hash", 6}, now_, &effects_);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again.value());
  EXPECT_EQ(epoch(), 1u);
  const auto other =
      machine_.Create(kOwner, {"g", 2, "other", 6}, now_, &effects_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.refusal().reason, "GROUP_EXISTS");
}

TEST_F(GroupMachineTest, SlotsAreLowestRequestedAndStable) {
  Create("g", 4);
  EXPECT_EQ(Join("a", 1).slot, 0u);
  EXPECT_EQ(Join("c", 2, 2).slot, 2u);
  EXPECT_EQ(Join("b", 3).slot, 1u);
  machine_.StreamBroken("g", 1, now_, &effects_);
  machine_.StreamBroken("g", 3, now_, &effects_);
  // A newcomer leaves the places of those who may come back alone while it can.
  EXPECT_EQ(Join("d", 4).slot, 3u);
  EXPECT_EQ(Join("b", 5).slot, 1u);
  EXPECT_EQ(Join("e", 6).slot, 0u);
  JoinCommand full{"g", "f", std::nullopt, 0, "", "", 0};
  EXPECT_EQ(JoinReason(full), "GROUP_FULL");
  full.slot = 2;
  EXPECT_EQ(JoinReason(full), "SLOT_TAKEN");
  full.slot = 4;
  EXPECT_EQ(JoinReason(full), "INVALID_REQUEST");
}

TEST_F(GroupMachineTest, ALossMovesTheEpochAndTellsWhy) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  Take();
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(epoch(), 2u);
  EXPECT_EQ(Notices(), "4:lost@2/b ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "STREAM_BROKEN");
  EXPECT_EQ(group().record().reason_code, "MEMBER_LOST");
  const JoinAnswer b = Join("b", 3);
  EXPECT_EQ(b.slot, 1u);
  EXPECT_GT(b.incarnation, a.incarnation);
  EXPECT_TRUE(group().complete());
  EXPECT_EQ(epoch(), 2u);
}

TEST_F(GroupMachineTest, AnOldStreamThatBreaksHurtsNobody) {
  Create("g", 1);
  Join("a", 1);
  machine_.StreamBroken("g", 1, now_, &effects_);
  Join("a", 2);
  const uint64_t before = epoch();
  machine_.StreamBroken("g", 1, now_, &effects_);
  machine_.StreamBroken("nowhere", 2, now_, &effects_);
  EXPECT_EQ(epoch(), before);
  EXPECT_TRUE(group().complete());
}

TEST_F(GroupMachineTest, LeavingEndsTheStreamWell) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  Take();
  const auto left = machine_.Leave(kOwner, FenceOf("a", a), now_, &effects_);
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left.value(), 2u);
  EXPECT_EQ(Notices(), "4:left@2/a ");
  ASSERT_EQ(effects_.ended.size(), 1u);
  EXPECT_EQ(effects_.ended[0].stream, 1u);
  EXPECT_FALSE(effects_.ended[0].why.has_value());
}

TEST_F(GroupMachineTest, FencesEveryMutation) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  const Fence good = FenceOf("a", a);
  const auto reason = [this](const Fence& fence) {
    const auto publish =
        machine_.Publish(kOwner, fence, "n", "x", now_, &effects_);
    const auto get = machine_.GetBlob(kOwner, fence, "n", 1, 0, now_);
    const auto leave = machine_.Leave(kOwner, fence, now_, &effects_);
    EXPECT_FALSE(publish.ok() || get.ok() || leave.ok());
    EXPECT_EQ(publish.refusal().reason, get.refusal().reason);
    EXPECT_EQ(publish.refusal().reason, leave.refusal().reason);
    EXPECT_EQ(publish.refusal().code, absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(publish.refusal().facts.count("current_epoch"),
              publish.refusal().reason == "NOT_A_MEMBER" ? 0u : 1u);
    return publish.refusal().reason;
  };
  Fence bad = good;
  bad.epoch += 1;
  EXPECT_EQ(reason(bad), "UNKNOWN_EPOCH");
  bad = good;
  bad.incarnation += 100;
  EXPECT_EQ(reason(bad), "STALE_INCARNATION");
  bad = good;
  bad.member_id = "nobody";
  EXPECT_EQ(reason(bad), "NOT_A_MEMBER");
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(reason(good), "STALE_EPOCH");
  EXPECT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "n", "x", now_, &effects_)
          .ok());
}

TEST_F(GroupMachineTest, OthersMayNotTouchAGroup) {
  Create("g", 2);
  const Caller stranger{2000, 2000, 1, false};
  EXPECT_EQ(machine_.Find(stranger, "g").refusal().reason, "NOT_OWNER");
  EXPECT_EQ(machine_.Delete(stranger, "g", true, &effects_).refusal().reason,
            "NOT_OWNER");
  EXPECT_EQ(machine_.Create(stranger, {"g", 2, "hash", 0}, now_, &effects_)
                .refusal()
                .reason,
            "NOT_OWNER");
  EXPECT_TRUE(machine_.List(stranger, "", 10).empty());
  const Caller root{0, 0, 1, true};
  EXPECT_TRUE(machine_.Find(root, "g").ok());
  EXPECT_EQ(machine_.List(root, "", 10).size(), 1u);
}

TEST_F(GroupMachineTest, ALiveMemberIsNotPushedOut) {
  Create("g", 2);
  Join("a", 1);
  EXPECT_EQ(JoinReason({"g", "a", std::nullopt, 0, "", "", 0}),
            "MEMBER_ID_IN_USE");
  EXPECT_EQ(epoch(), 1u);
}

}  // namespace
}  // namespace ithaca::groups
