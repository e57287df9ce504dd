// A machine that starts from what a store kept.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

class RestoredMachineTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    machine_ = GroupMachine(limits_, Counters{41, 8});
    Group::Record record{"g",           40,         12, 2, "hash", 1000, 5,
                         "ALL_PRESENT", "all there"};
    auto group = std::make_unique<Group>(record, limits_, now_);
    ASSERT_TRUE(
        group->RestoreMember({"a", 0, 7, "h", 1, "", true}, 600'000, now_));
    ASSERT_TRUE(
        group->RestoreMember({"b", 1, 8, "h", 2, "", true}, 600'000, now_));
    // Slot, life and name must be possible and free.
    EXPECT_FALSE(group->RestoreMember({"c", 2, 9, "", 0, "", true}, 0, now_));
    EXPECT_FALSE(group->RestoreMember({"c", 1, 9, "", 0, "", true}, 0, now_));
    EXPECT_FALSE(group->RestoreGone({"c", 1, 9}));
    ASSERT_TRUE(group->RestoreBlob(
        {"id", 40, 0, std::make_shared<const std::string>("secret")}));
    EXPECT_FALSE(group->RestoreBlob(
        {"old", 39, 0, std::make_shared<const std::string>("old")}));
    group->FinishRestoring(now_);
    ASSERT_TRUE(machine_.Restore(std::move(group)));
  }
};

TEST_F(RestoredMachineTest, MembersResumeInTheSameEpoch) {
  JoinCommand resume{"g", "a", std::nullopt, 7, "", "", 0};
  const auto a = machine_.Join(kOwner, resume, 1, now_, &effects_);
  ASSERT_TRUE(a.ok());
  EXPECT_TRUE(a.value().resumed);
  EXPECT_EQ(a.value().slot, 0u);
  EXPECT_EQ(epoch(), 40u);
  EXPECT_EQ(Notices(), "13:resumed@40/a ");
  const auto blob =
      machine_.GetBlob(kOwner, {"g", 40, "a", 7}, "id", 1, 0, now_);
  ASSERT_TRUE(blob.ok() && blob.value().has_value());
  EXPECT_EQ(*blob.value()->data, "secret");
  // A second stream of the same life replaces the first.
  ASSERT_TRUE(machine_.Join(kOwner, resume, 2, now_, &effects_).ok());
  ASSERT_EQ(effects_.ended.size(), 1u);
  EXPECT_EQ(effects_.ended[0].stream, 1u);
  EXPECT_EQ(effects_.ended[0].why->reason, "STREAM_REPLACED");
  machine_.StreamBroken("g", 1, now_, &effects_);
  EXPECT_EQ(epoch(), 40u);
}

TEST_F(RestoredMachineTest, WhoDoesNotResumeIsLost) {
  ASSERT_TRUE(machine_
                  .Join(kOwner, {"g", "a", std::nullopt, 7, "", "", 0}, 1, now_,
                        &effects_)
                  .ok());
  Take();
  machine_.Tick(now_ + limits_.detach_grace_ms, &effects_);
  EXPECT_EQ(Notices(), "14:lost@42/b ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "NOT_RESUMED");
  EXPECT_EQ(JoinReason({"g", "b", std::nullopt, 8, "", "", 0}),
            "STALE_INCARNATION");
}

TEST_F(RestoredMachineTest, ANewLifeReplacesADetachedOne) {
  const JoinAnswer b = Join("b", 3);
  EXPECT_EQ(b.slot, 1u);
  EXPECT_EQ(b.incarnation, 9u);
  EXPECT_EQ(epoch(), 42u);
  EXPECT_EQ(Notices(), "13:lost@42/b 14:joined@42/b 15:complete@42 ");
}

TEST_F(RestoredMachineTest, AJoinThatIsRefusedReplacesNobody) {
  EXPECT_EQ(JoinReason({"g", "b", 0, 0, "", "", 0}), "SLOT_TAKEN");
  EXPECT_EQ(epoch(), 40u);
}

TEST_F(RestoredMachineTest, ForgottenEventsAreNotInvented) {
  EXPECT_FALSE(group().EventsAfter(11).has_value());
  EXPECT_FALSE(group().EventsAfter(13).has_value());
  EXPECT_TRUE(group().EventsAfter(12)->empty());
  Join("b", 3);
  EXPECT_EQ(group().EventsAfter(13)->size(), 2u);
}

}  // namespace
}  // namespace ithaca::groups
