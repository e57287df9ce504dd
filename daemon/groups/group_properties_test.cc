// What holds whatever is asked of a group machine, in whatever order.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "daemon/groups/group_machine_fixture.h"

namespace ithaca::groups {
namespace {

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
    for (const Seat& slot : group->roster().slots()) {
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
                               std::to_string(Pick(2)), now_, effects);
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
    for (uint32_t i = 0; i < group.roster().slots().size(); ++i) {
      const auto& slot = group.roster().slots()[i];
      if (!slot.member.has_value()) continue;
      ++members;
      EXPECT_EQ(slot.member->slot, i);
      EXPECT_TRUE(ids.insert(slot.member->id).second) << "one id in two slots";
      EXPECT_LE(slot.member->incarnation, machine_.counters().last_incarnation);
      EXPECT_EQ(slot.formation_deadline.has_value(), !group.complete());
    }
    EXPECT_EQ(members, group.roster().member_count());
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
