// Time: what happens to a group when nothing else does; and its end.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

TEST_F(GroupMachineTest, FormationTimesOutAndNamesWhoIsMissing) {
  Create("g", 3);
  Join("a", 1);
  JoinCommand patient{"g", "b", std::nullopt, 0, "", "", 900'000};
  EXPECT_EQ(JoinReason(patient), "OK");
  Take();
  now_ += limits_.default_formation_timeout_ms;
  EXPECT_EQ(machine_.NextDeadline(), now_);
  machine_.Tick(now_, &effects_);
  ASSERT_EQ(effects_.ended.size(), 1u);
  EXPECT_EQ(effects_.ended[0].stream, 1u);
  EXPECT_EQ(effects_.ended[0].why->reason, "FORMATION_TIMEOUT");
  EXPECT_NE(effects_.ended[0].why->sentence.find("slot 2"), std::string::npos);
  EXPECT_EQ(epoch(), 2u);
  // The loss of another member does not put off the own deadline.
  EXPECT_EQ(machine_.NextDeadline(), 1000 + 900'000);
}

// A transaction of the store is bounded, so what is due at once is done in
// steps.
TEST_F(GroupMachineTest, WhatIsDueAtOnceIsDoneInBoundedSteps) {
  Create("g", 500);
  for (int i = 0; i < 499; ++i) {
    Join("m" + std::to_string(i), 1 + static_cast<StreamId>(i));
    Take();
  }
  now_ += limits_.default_formation_timeout_ms;
  size_t ended = 0;
  while (machine_.NextDeadline() <= now_) {
    machine_.Tick(now_, &effects_);
    const Effects step = Take();
    EXPECT_LE(step.dirty.size(), 70u);
    ASSERT_FALSE(step.ended.empty());
    ended += step.ended.size();
  }
  EXPECT_EQ(ended, 499u);
}

TEST_F(GroupMachineTest, ACompleteGroupWaitsForNothing) {
  Create("g", 2);
  Join("a", 1);
  Join("b", 2);
  EXPECT_EQ(machine_.NextDeadline(), std::nullopt);
  now_ += 5000;
  machine_.StreamBroken("g", 2, now_, &effects_);
  EXPECT_EQ(machine_.NextDeadline(),
            now_ + limits_.default_formation_timeout_ms);
}

TEST_F(GroupMachineTest, AnEmptyGroupIsRemovedAfterAnHour) {
  Create("g", 2);
  EXPECT_EQ(machine_.NextDeadline(), now_ + limits_.empty_ttl_ms);
  Join("a", 1);
  now_ += limits_.empty_ttl_ms;
  machine_.StreamBroken("g", 1, now_, &effects_);
  Take();
  machine_.Tick(now_ + limits_.empty_ttl_ms - 1, &effects_);
  EXPECT_NE(machine_.Peek("g"), nullptr);
  machine_.Tick(now_ + limits_.empty_ttl_ms, &effects_);
  EXPECT_EQ(machine_.Peek("g"), nullptr);
  EXPECT_EQ(effects_.dirty.erased.count("g"), 1u);
  EXPECT_EQ(machine_.NextDeadline(), std::nullopt);
}

TEST_F(GroupMachineTest, DeletingNeedsForceAndEndsEverything) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  ASSERT_TRUE(
      machine_.GetBlob(kOwner, FenceOf("a", a), "id", 7, 500, now_).ok());
  EXPECT_EQ(machine_.Delete(kOwner, "g", false, &effects_).refusal().reason,
            "MEMBERS_PRESENT");
  Take();
  ASSERT_TRUE(machine_.Delete(kOwner, "g", true, &effects_).ok());
  ASSERT_EQ(effects_.ended.size(), 1u);
  EXPECT_EQ(effects_.ended[0].why->reason, "GROUP_DELETED");
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(Notices(), "2:deleted@1 ");
  EXPECT_EQ(machine_.Find(kOwner, "g").refusal().reason, "GROUP_NOT_FOUND");
  Create("g", 2);
  EXPECT_EQ(epoch(), 2u) << "a name that is used again gets no old epoch";
}

}  // namespace
}  // namespace ithaca::groups
