#include "daemon/server/group_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace ithaca::server {
namespace {

using groups::Effects;
using groups::Event;
using groups::EventType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Effects::Notice Notice(const std::string& group, EventType type, uint64_t epoch,
                       const std::string& code) {
  auto event = std::make_shared<Event>();
  event->type = type;
  event->epoch = epoch;
  event->reason_code = code;
  event->reason = "because";
  groups::Member member;
  member.id = "m\n1";
  event->member = member;
  return {group, event};
}

class GroupObserverTest : public testing::Test {
 protected:
  void Tell(std::vector<Effects::Notice> notices) {
    Effects effects;
    effects.notices = std::move(notices);
    observer_.Told(effects);
  }
  bool Has(const std::string& line) {
    return metrics_.Text().find(line + "\n") != std::string::npos;
  }
  metrics::Metrics metrics_{"1"};
  std::vector<std::string> lines_;
  Log log_{[this](const std::string& line) { lines_.push_back(line); }};
  GroupObserver observer_{&metrics_, &log_};
};

TEST_F(GroupObserverTest, CountsEpochsByWhatBeganThem) {
  Tell({Notice("g", EventType::kJoined, 5, "JOINED")});
  Tell({Notice("g", EventType::kJoined, 5, "JOINED"),
        Notice("g", EventType::kLost, 6, "STREAM_BROKEN"),
        Notice("g", EventType::kLost, 7, "STREAM_BROKEN"),
        Notice("g", EventType::kLeft, 8, "LEFT"),
        Notice("h", EventType::kLost, 3, "STREAM_BROKEN"),
        Notice("g", EventType::kSuspect, 0, "NODE_SILENT")});
  EXPECT_TRUE(Has("ithaca_group_epochs_total{cause=\"STREAM_BROKEN\"} 3"));
  EXPECT_TRUE(Has("ithaca_group_epochs_total{cause=\"LEFT\"} 1"));
  EXPECT_TRUE(Has("ithaca_group_evictions_total{cause=\"STREAM_BROKEN\"} 3"));
  EXPECT_TRUE(Has("ithaca_group_suspects_total{cause=\"NODE_SILENT\"} 1"));
  EXPECT_FALSE(Has("ithaca_group_epochs_total{cause=\"JOINED\"} 1"));
}

TEST_F(GroupObserverTest, LogsADecisionOnceHoweverManyItHits) {
  std::vector<Effects::Notice> notices;
  for (uint64_t i = 0; i < 1000; ++i)
    notices.push_back(Notice("g", EventType::kLost, 2 + i, "NODE_DEAD"));
  notices.push_back(Notice("g", EventType::kJoined, 1002, ""));
  Tell(std::move(notices));
  ASSERT_EQ(lines_.size(), 1u);
  for (const char* part :
       {"msg=\"member was lost\"", "group=\"g\"", "epoch=\"2\"",
        "reason=\"NODE_DEAD\"", "member=\"m\\n1\"", "and_others=\"999\"",
        "why=\"because\""}) {
    EXPECT_THAT(lines_, ElementsAre(HasSubstr(part)));
  }
}

}  // namespace
}  // namespace ithaca::server
