#include "daemon/groups/group_machine.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace ithaca::groups {
namespace {

constexpr Caller kOwner{1000, 1000, 77, false};

class GroupMachineTest : public testing::Test {
 protected:
  void Create(const std::string& id, uint32_t size) {
    const auto created =
        machine_.Create(kOwner, {id, size, "hash", 5}, now_, &effects_);
    ASSERT_TRUE(created.ok()) << created.refusal().Message();
    EXPECT_TRUE(created.value());
  }
  JoinAnswer Join(const std::string& member, StreamId stream,
                  std::optional<uint32_t> slot = std::nullopt) {
    JoinCommand command;
    command.group_id = "g";
    command.member_id = member;
    command.slot = slot;
    const auto answer = machine_.Join(kOwner, command, stream, now_, &effects_);
    EXPECT_TRUE(answer.ok()) << answer.refusal().Message();
    return answer.ok() ? answer.value() : JoinAnswer{};
  }
  std::string JoinReason(JoinCommand command) {
    const auto answer = machine_.Join(kOwner, command, 99, now_, &effects_);
    return answer.ok() ? "OK" : answer.refusal().reason;
  }
  Fence FenceOf(const std::string& member, const JoinAnswer& joined) {
    return {"g", group().record().epoch, member, joined.incarnation};
  }
  const Group& group() { return *machine_.Peek("g"); }
  uint64_t epoch() { return group().record().epoch; }
  Effects Take() { return std::exchange(effects_, Effects{}); }
  // "sequence:type@epoch/member" of every notice, in order.
  std::string Notices() {
    static const char* const kNames[] = {
        "joined", "resumed", "lost", "left", "complete", "deleted", "suspect"};
    std::string text;
    for (const auto& notice : effects_.notices) {
      const Event& event = *notice.event;
      text += std::to_string(event.sequence) + ":" +
              kNames[static_cast<int>(event.type)] + "@" +
              std::to_string(event.epoch);
      if (event.member.has_value()) text += "/" + event.member->id;
      text += " ";
    }
    return text;
  }

  Limits limits_;
  GroupMachine machine_{limits_};
  Effects effects_;
  Millis now_ = 1000;
};

TEST_F(GroupMachineTest, FormsAGroup) {
  Create("g", 2);
  EXPECT_EQ(epoch(), 1u);
  EXPECT_EQ(group().record().reason_code, "WAITING_FOR_MEMBERS");
  EXPECT_EQ(Join("a", 1).slot, 0u);
  EXPECT_FALSE(group().complete());
  EXPECT_EQ(group().FreeSlots(), std::vector<uint32_t>{1});
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
  EXPECT_EQ(dirty.slots.count({"g", 0}), 1u);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "n", "x", &effects_).ok());
  EXPECT_EQ(Take().dirty.blobs.count({"g", "n"}), 1u);
  machine_.StreamBroken("g", 1, now_, &effects_);
  dirty = Take().dirty;
  EXPECT_TRUE(dirty.counters);
  EXPECT_EQ(dirty.cleared.count("g"), 1u);
  EXPECT_EQ(dirty.slots.count({"g", 0}), 1u);
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
    const auto publish = machine_.Publish(kOwner, fence, "n", "x", &effects_);
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
      machine_.Publish(kOwner, FenceOf("a", a), "n", "x", &effects_).ok());
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

// ---- blobs

TEST_F(GroupMachineTest, ABlobReachesThoseWhoWaitAndThoseWhoCome) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1), b = Join("b", 2);
  const auto waits =
      machine_.GetBlob(kOwner, FenceOf("b", b), "id", 7, 500, now_);
  ASSERT_TRUE(waits.ok());
  EXPECT_FALSE(waits.value().has_value());
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "other", "y", &effects_).ok());
  EXPECT_TRUE(effects_.answers.empty());
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "secret", &effects_)
          .ok());
  ASSERT_EQ(effects_.answers.size(), 1u);
  EXPECT_EQ(effects_.answers[0].waiter, 7u);
  EXPECT_EQ(*effects_.answers[0].answer.value().data, "secret");
  const auto now = machine_.GetBlob(kOwner, FenceOf("b", b), "id", 8, 0, now_);
  ASSERT_TRUE(now.ok() && now.value().has_value());
  EXPECT_EQ(now.value()->publisher_slot, 0u);
}

TEST_F(GroupMachineTest, PublishingAgainIsFineWithTheSameBytesOnly) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1), b = Join("b", 2);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "x", &effects_).ok());
  Take();
  EXPECT_TRUE(
      machine_.Publish(kOwner, FenceOf("b", b), "id", "x", &effects_).ok());
  EXPECT_TRUE(effects_.dirty.empty());
  EXPECT_EQ(machine_.Publish(kOwner, FenceOf("b", b), "id", "z", &effects_)
                .refusal()
                .reason,
            "BLOB_CONFLICT");
}

TEST_F(GroupMachineTest, ANewEpochVoidsBlobsAndEndsWaits) {
  Create("g", 2);
  const JoinAnswer a = Join("a", 1);
  Join("b", 2);
  ASSERT_TRUE(
      machine_.Publish(kOwner, FenceOf("a", a), "id", "old", &effects_).ok());
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
    const auto done = machine_.Publish(kOwner, fence, name,
                                       std::string(bytes, 'x'), &effects_);
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

// ---- time

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

// ---- restoring

class RestoredMachineTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    machine_ = GroupMachine(limits_, Counters{41, 8});
    Group::Record record{"g",           40,         12, 2, "hash", 1000, 5,
                         "ALL_PRESENT", "all there"};
    auto group = std::make_unique<Group>(record, limits_, now_);
    ASSERT_TRUE(
        group->RestoreSlot({"a", 0, 7, "h", 1, "", true}, "a", 600'000, now_));
    ASSERT_TRUE(
        group->RestoreSlot({"b", 1, 8, "h", 2, "", true}, "b", 600'000, now_));
    EXPECT_FALSE(
        group->RestoreSlot({"c", 2, 9, "", 0, "", true}, "c", 0, now_));
    EXPECT_FALSE(
        group->RestoreSlot({"c", 1, 9, "", 0, "", true}, "c", 0, now_));
    ASSERT_TRUE(group->RestoreBlob(
        {"id", 40, 0, std::make_shared<const std::string>("secret")}));
    EXPECT_FALSE(group->RestoreBlob(
        {"old", 39, 0, std::make_shared<const std::string>("old")}));
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

// ---- properties

// Random commands; after each, what must always hold.
class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed) {
    limits_.detach_grace_ms = 40;
    limits_.empty_ttl_ms = 200;
    limits_.default_formation_timeout_ms = 100;
  }

  void Step() {
    Effects effects;
    now_ += Pick(15);
    machine_.Tick(now_, &effects);
    Command(&effects);
    Check(effects);
  }

 private:
  int Pick(int below) { return static_cast<int>(random_() % below); }
  std::string GroupId() { return "g" + std::to_string(Pick(2)); }
  std::string MemberId() { return "m" + std::to_string(Pick(5)); }
  Fence AnyFence() {
    Fence fence{GroupId(), 0, MemberId(), static_cast<uint64_t>(Pick(200))};
    const Group* group = machine_.Peek(fence.group_id);
    if (group == nullptr) return fence;
    fence.epoch =
        group->record().epoch - static_cast<uint64_t>(Pick(4) == 0 ? 1 : 0);
    for (const Group::Slot& slot : group->slots()) {
      if (slot.member.has_value() && slot.member->id == fence.member_id) {
        fence.incarnation = slot.member->incarnation;
      }
    }
    return fence;
  }

  void Command(Effects* effects) {
    switch (Pick(8)) {
      case 0:
        (void)machine_.Create(kOwner, {GroupId(), 3, "hash", 0}, now_, effects);
        break;
      case 1:
      case 2:
      case 3: {
        JoinCommand command{GroupId(), MemberId(), std::nullopt, 0, "", "", 0};
        if (Pick(4) == 0) command.slot = static_cast<uint32_t>(Pick(4));
        if (Pick(4) == 0) command.incarnation = AnyFence().incarnation;
        if (machine_.Join(kOwner, command, ++stream_, now_, effects).ok()) {
          streams_[stream_] = command.group_id;
        }
        break;
      }
      case 4: {
        const StreamId stream =
            1 + static_cast<StreamId>(Pick(static_cast<int>(stream_) + 1));
        const auto found = streams_.find(stream);
        if (found != streams_.end()) {
          machine_.StreamBroken(found->second, stream, now_, effects);
        }
        break;
      }
      case 5:
        (void)machine_.Leave(kOwner, AnyFence(), now_, effects);
        break;
      case 6:
        (void)machine_.Publish(kOwner, AnyFence(),
                               "b" + std::to_string(Pick(3)),
                               std::to_string(Pick(2)), effects);
        break;
      case 7: {
        const auto got =
            machine_.GetBlob(kOwner, AnyFence(), "b" + std::to_string(Pick(3)),
                             ++waiter_, Pick(60), now_);
        if (got.ok() && !got.value().has_value()) waiting_.insert(waiter_);
        break;
      }
    }
  }

  void Check(const Effects& effects) {
    for (const auto& answer : effects.answers) {
      EXPECT_EQ(waiting_.erase(answer.waiter), 1u)
          << "answered twice, or never asked";
    }
    for (const auto& notice : effects.notices) {
      const Event& event = *notice.event;
      uint64_t& last = sequence_[notice.group_id];
      if (machine_.Peek(notice.group_id) == nullptr || event.sequence == 1)
        last = 0;
      EXPECT_TRUE(last == 0 || event.sequence == last + 1);
      last = event.sequence;
      if (event.type == EventType::kDeleted) last = 0;
    }
    for (const auto& [id, group] : machine_.groups()) CheckGroup(*group);
  }

  void CheckGroup(const Group& group) {
    const Group::Record& record = group.record();
    uint64_t& epoch = epoch_of_[record.id];
    EXPECT_GE(record.epoch, epoch);
    EXPECT_LE(record.epoch, machine_.counters().last_epoch);
    if (record.epoch != epoch) {
      EXPECT_TRUE(epochs_.insert(record.epoch).second)
          << "an epoch was used twice";
    }
    epoch = record.epoch;
    std::set<std::string> ids;
    uint32_t members = 0;
    for (uint32_t i = 0; i < group.slots().size(); ++i) {
      const auto& slot = group.slots()[i];
      if (!slot.member.has_value()) continue;
      ++members;
      EXPECT_EQ(slot.member->slot, i);
      EXPECT_TRUE(ids.insert(slot.member->id).second) << "one id in two slots";
      EXPECT_LE(slot.member->incarnation, machine_.counters().last_incarnation);
      EXPECT_EQ(slot.formation_deadline.has_value(), !group.complete());
    }
    EXPECT_EQ(members, group.member_count());
    for (const auto& [name, blob] : group.blobs())
      EXPECT_EQ(blob.epoch, record.epoch);
  }

  std::mt19937 random_;
  Limits limits_;
  GroupMachine machine_{limits_};
  Millis now_ = 0;
  StreamId stream_ = 0;
  WaiterId waiter_ = 0;
  std::map<StreamId, std::string> streams_;
  std::set<WaiterId> waiting_;
  std::set<uint64_t> epochs_;
  std::map<std::string, uint64_t> epoch_of_;
  std::map<std::string, uint64_t> sequence_;
};

TEST(GroupMachineProperties, HoldOverRandomCommands) {
  for (int run = 0; run < 20 && !testing::Test::HasFailure(); ++run) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRun random(seed);
    for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i)
      random.Step();
  }
}

}  // namespace
}  // namespace ithaca::groups
