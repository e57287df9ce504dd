#include "daemon/groups/stream_quota.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace ithaca::groups {
namespace {

constexpr bool kWatcher = true;
constexpr bool kMember = false;

Caller User(uint32_t uid) { return Caller{uid, uid, 1, false}; }

std::string ReasonOf(const std::optional<Refusal>& refusal) {
  return refusal.has_value() ? refusal->reason : "OK";
}

Limits Small() {
  Limits limits;
  limits.max_streams_per_user = 3;
  limits.max_watchers = 4;
  limits.max_watchers_per_group = 2;
  return limits;
}

TEST(StreamQuota, BoundsTheStreamsOfAUser) {
  StreamQuota quota(Small());
  for (StreamId id : {1, 2, 3})
    EXPECT_EQ(ReasonOf(quota.Enter(id, User(7), "g", kMember)), "OK");
  const auto refused = quota.Enter(4, User(7), "g", kMember);
  ASSERT_EQ(ReasonOf(refused), "LIMIT_EXCEEDED");
  EXPECT_EQ(refused->code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused->Message(),
            "LIMIT_EXCEEDED: user 7 has 3 open streams, all it may; end "
            "JoinGroup or WatchGroup calls that nobody needs");
  // Others are not held up, nor is the same number on another node.
  EXPECT_EQ(ReasonOf(quota.Enter(5, User(8), "g", kMember)), "OK");
  Caller elsewhere = User(7);
  elsewhere.node = "n2";
  EXPECT_EQ(ReasonOf(quota.Enter(6, elsewhere, "g", kMember)), "OK");
  Caller admin = User(7);
  admin.admin = true;
  EXPECT_EQ(ReasonOf(quota.Enter(7, admin, "g", kMember)), "OK");
  // What was refused is not counted, and what left makes room.
  quota.Leave(4);
  quota.Leave(7);
  quota.Leave(2);
  quota.Leave(2);
  EXPECT_EQ(ReasonOf(quota.Enter(8, User(7), "g", kMember)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(9, User(7), "g", kMember)), "LIMIT_EXCEEDED");
}

TEST(StreamQuota, BoundsWatchersOfAGroupAndInAll) {
  StreamQuota quota(Small());
  EXPECT_EQ(ReasonOf(quota.Enter(1, User(1), "a", kWatcher)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(2, User(2), "a", kWatcher)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(3, User(3), "a", kWatcher)), "LIMIT_EXCEEDED");
  // Members are not watchers.
  EXPECT_EQ(ReasonOf(quota.Enter(3, User(3), "a", kMember)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(4, User(1), "b", kWatcher)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(5, User(2), "c", kWatcher)), "OK");
  EXPECT_EQ(ReasonOf(quota.Enter(6, User(3), "d", kWatcher)), "LIMIT_EXCEEDED");
  quota.Leave(3);
  EXPECT_EQ(ReasonOf(quota.Enter(6, User(3), "d", kWatcher)), "LIMIT_EXCEEDED");
  quota.Leave(1);
  EXPECT_EQ(ReasonOf(quota.Enter(6, User(3), "a", kWatcher)), "OK");
}

}  // namespace
}  // namespace ithaca::groups
