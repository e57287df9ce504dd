// For tests of the group machine: one machine, the effects of what was asked of
// it, and a clock that stands still. A test's own.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_MACHINE_FIXTURE_H_
#define ITHACA_DAEMON_GROUPS_GROUP_MACHINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "daemon/groups/group_machine.h"

namespace ithaca::groups {

inline const Caller kOwner{1000, 1000, 77, false};

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
  JoinAnswer Park(const std::string& member, StreamId stream) {
    JoinCommand command{"g", member, std::nullopt, 0, "", "", 0, true};
    const auto answer = machine_.Join(kOwner, command, stream, now_, &effects_);
    EXPECT_TRUE(answer.ok()) << answer.refusal().Message();
    return answer.ok() ? answer.value() : JoinAnswer{};
  }
  // That a refusal can be acted on.
  static std::string ReasonOf(const Refusal& refusal) {
    EXPECT_FALSE(refusal.sentence.empty());
    EXPECT_FALSE(refusal.next_step.empty()) << refusal.sentence;
    return refusal.reason;
  }
  const Group& group() { return *machine_.Peek("g"); }
  uint64_t epoch() { return group().record().epoch; }
  Effects Take() { return std::exchange(effects_, Effects{}); }
  // "sequence:type@epoch/member" of every notice, in order.
  std::string Notices() {
    static const char* const kNames[] = {
        "joined",  "resumed", "lost",   "left",     "complete", "deleted",
        "suspect", "cleared", "parked", "promoted", "detached", "replanned"};
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

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_MACHINE_FIXTURE_H_
