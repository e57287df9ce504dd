// Nodes that fall silent, come back, or are gone; and links that break.
#include <gtest/gtest.h>

#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

using NodeNews = GroupMachine::NodeNews;

class NodesTest : public GroupMachineTest {
 protected:
  void SetUp() override {
    Create("g", 3);
    JoinFrom("", "a", 1);
    b_ = JoinFrom("n1", "b", 2);
    JoinFrom("n1", "c", 3);
    Take();
  }
  JoinAnswer JoinFrom(const std::string& node, const std::string& member,
                      StreamId stream) {
    Caller caller = kOwner;
    caller.node = node;
    return machine_
        .Join(caller, {"g", member, std::nullopt, 0, "", "", 0}, stream, now_,
              &effects_)
        .value();
  }
  void Tell(NodeNews news) {
    machine_.TellNode(news, "n1", "it was silent for 1200 ms");
    EXPECT_EQ(machine_.NextDeadline(), 0) << "to be done at once";
    machine_.Tick(now_, &effects_);
  }
  JoinAnswer b_;
};

TEST_F(NodesTest, DoubtIsToldAndEndsNoEpoch) {
  Tell(NodeNews::kSuspect);
  EXPECT_EQ(Notices(), "5:suspect@1/b 6:suspect@1/c ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "NODE_SILENT");
  EXPECT_TRUE(group().roster().Find("b")->member->suspect);
  EXPECT_FALSE(group().roster().Find("a")->member->suspect);
  EXPECT_EQ(group().Waits()[0].code, "SUSPECT");
  Take();
  Tell(NodeNews::kSuspect);
  EXPECT_EQ(Notices(), "") << "once";
  Tell(NodeNews::kBack);
  EXPECT_EQ(Notices(), "7:cleared@1/b 8:cleared@1/c ");
  EXPECT_EQ(epoch(), 1u);
  EXPECT_TRUE(group().Waits().empty());
}

TEST_F(NodesTest, AllOfANodeThatIsGoneAreLost) {
  Tell(NodeNews::kSuspect);
  Take();
  Tell(NodeNews::kLost);
  EXPECT_EQ(Notices(), "7:lost@2/b 8:lost@3/c ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "NODE_LOST");
  EXPECT_EQ(group().member_count(), 1u);
}

TEST_F(NodesTest, ABrokenLinkGivesTimeToResume) {
  machine_.Detach("g", 2, 2500, "the link broke", now_, &effects_);
  EXPECT_EQ(Notices(), "5:detached@1/b ");
  EXPECT_EQ(epoch(), 1u);
  JoinCommand resume{"g", "b", std::nullopt, b_.incarnation, "", "", 0};
  now_ += 2000;
  ASSERT_TRUE(machine_.Join(kOwner, resume, 7, now_, &effects_).ok());
  Take();
  machine_.Tick(now_ + 1000, &effects_);
  EXPECT_EQ(Notices(), "");
  machine_.Detach("g", 7, 500, "the link broke again", now_, &effects_);
  Take();
  machine_.Tick(now_ + 500, &effects_);
  EXPECT_EQ(Notices(), "8:lost@2/b ");
  EXPECT_EQ(effects_.notices[0].event->reason_code, "NOT_RESUMED");
}

TEST_F(NodesTest, WhoResumesInTimeIsNotLostWithItsNode) {
  machine_.TellNode(NodeNews::kLost, "n1", "it is gone");
  Take();
  // Told to the group, which Tick looks at next.
  JoinCommand resume{"g", "b", std::nullopt, b_.incarnation, "", "", 0};
  ASSERT_TRUE(machine_.Join(kOwner, resume, 7, now_, &effects_).ok());
  Take();
  machine_.Tick(now_, &effects_);
  EXPECT_EQ(Notices(), "5:lost@2/c ");
}

TEST_F(NodesTest, ManyLossesAtOnceAreDoneInBoundedSteps) {
  Create("h", 500);
  Caller caller = kOwner;
  caller.node = "n2";
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(
        machine_
            .Join(caller,
                  {"h", "m" + std::to_string(i), std::nullopt, 0, "", "", 0},
                  100 + static_cast<StreamId>(i), now_, &effects_)
            .ok());
    Take();
  }
  machine_.TellNode(NodeNews::kLost, "n2", "it is gone");
  int steps = 0;
  while (machine_.NextDeadline().has_value() &&
         *machine_.NextDeadline() <= now_) {
    ASSERT_LT(++steps, 100);
    machine_.Tick(now_, &effects_);
    EXPECT_LE(Take().dirty.size(), 70u);
  }
  EXPECT_GT(steps, 5);
  EXPECT_EQ(machine_.Peek("h")->member_count(), 0u);
}

}  // namespace
}  // namespace ithaca::groups
