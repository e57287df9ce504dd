// Blobs: who gets them, until when they hold, how much fits.
#include <gtest/gtest.h>

#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

TEST_F(GroupMachineTest, ABlobReachesThoseWhoWaitAndThoseWhoCome) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1), b = Join("b", 2);
  const auto waits =
      machine_.GetBlob(kOwner, FenceOf("b", b), "id", 7, 500, now_);
  ASSERT_TRUE(waits.ok());
  EXPECT_FALSE(waits.value().has_value());
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "other", "y", now_, &effects_)
          .ok());
  EXPECT_TRUE(effects_.answers.empty());
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "secret", now_, &effects_)
          .ok());
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].waiter, 7u);
  EXPECT_EQ(*effects_.answers[0].answer.value().blob.data, "secret");
  const auto now = machine_.GetBlob(kOwner, FenceOf("b", b), "id", 8, 0, now_);
  ASSERT_TRUE(now.ok() && now.value().has_value());
  EXPECT_EQ(now.value()->publisher_slot, 0u);
}

TEST_F(GroupMachineTest, PublishingAgainIsFineWithTheSameBytesOnly) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1), b = Join("b", 2);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "x", now_, &effects_)
          .ok());
  Take();
  EXPECT_TRUE(
      machine_.Publish(kOwner, FenceOf("b", b), "id", "x", now_, &effects_)
          .ok());
  EXPECT_TRUE(effects_.dirty.empty());
  EXPECT_EQ(
      machine_.Publish(kOwner, FenceOf("b", b), "id", "z", now_, &effects_)
          .refusal()
          .reason,
      "BLOB_CONFLICT");
}

TEST_F(GroupMachineTest, ANewEpochVoidsBlobsAndEndsWaits) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "old", now_, &effects_)
          .ok());
  ASSERT_TRUE(
      machine_.GetBlob(kOwner, FenceOf("a", a), "never", 7, 500, now_).ok());
  Take();
  machine_.StreamBroken("g", 2, now_, &effects_);
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].answer.refusal().reason, "STALE_EPOCH");
  EXPECT_EQ(effects_.answers[0].answer.refusal().facts.at("current_epoch"),
            "2");
  EXPECT_EQ(machine_.GetBlob(kOwner, FenceOf("a", a), "id", 8, 0, now_)
                .refusal()
                .reason,
            "BLOB_NOT_PUBLISHED");
}

TEST_F(GroupMachineTest, AWaitEndsAtItsDeadlineOrWhenCancelled) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  ASSERT_TRUE(
      machine_.GetBlob(kOwner, FenceOf("a", a), "id", 7, 500, now_).ok());
  ASSERT_TRUE(
      machine_.GetBlob(kOwner, FenceOf("a", a), "id", 8, 400, now_).ok());
  EXPECT_EQ(machine_.NextDeadline(), now_ + 400);
  machine_.CancelWaiter("g", 8);
  EXPECT_EQ(machine_.NextDeadline(), now_ + 500);
  Take();
  machine_.Tick(now_ + 499, &effects_);
  EXPECT_TRUE(effects_.answers.empty());
  machine_.Tick(now_ + 500, &effects_);
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].answer.refusal().code,
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(effects_.answers[0].answer.refusal().sentence.find("1 of 2"),
            std::string::npos);
}

TEST_F(GroupMachineTest, BlobsAreBounded) {
  Create("g", 1);
  const JoinAnswer a = Join("a", 1);
  const Fence fence = FenceOf("a", a);
  const auto reason = [&](const std::string& name, size_t bytes) {
    const auto done = machine_.Publish(
        kOwner, fence, name, std::string(bytes, 'x'), now_, &effects_);
    return done.ok() ? "OK" : done.refusal().reason;
  };
  EXPECT_EQ(reason("n", 0), "INVALID_REQUEST");
  EXPECT_EQ(reason("n", 65537), "INVALID_REQUEST");
  EXPECT_EQ(reason("", 1), "INVALID_REQUEST");
  EXPECT_EQ(reason("with space", 1), "INVALID_REQUEST");
  EXPECT_EQ(reason(std::string(129, 'n'), 1), "INVALID_REQUEST");
  for (int i = 0; i < 256; ++i)
    ASSERT_EQ(reason(std::to_string(i), 65536), "OK");
  EXPECT_EQ(reason("more", 1), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace ithaca::groups
