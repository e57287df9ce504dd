// Clients, groups service and daemon together, over a real socket.

#include "daemon/clients/cc/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::client {
namespace {

namespace v1 = groups::v1;

constexpr int64_t kLong = 60'000;

class MembershipTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon_.Start();
    client_ = MustConnect();
  }

  std::unique_ptr<Client> MustConnect() {
    ConnectOptions options;
    options.socket = daemon_.socket();
    auto client = Client::Connect(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? std::move(*client) : nullptr;
  }
  static v1::CreateGroupRequest CreateRequest(uint32_t ranks) {
    v1::CreateGroupRequest request;
    request.set_group_id("g");
    auto* plan = request.mutable_plan_request();
    plan->mutable_model()->set_hidden_size(4096);
    plan->mutable_model()->set_query_heads(32);
    plan->mutable_workload()->set_sequence_length(4096);
    plan->mutable_constraints()->set_ranks(ranks);
    return request;
  }
  void Create(uint32_t ranks) {
    const auto created = client_->CreateGroup(CreateRequest(ranks));
    ASSERT_TRUE(created.ok()) << created.status();
    EXPECT_TRUE(created->created());
  }
  static v1::JoinGroupRequest JoinRequest(const std::string& member) {
    v1::JoinGroupRequest request;
    request.set_group_id("g");
    request.set_member_id(member);
    request.set_host("host");
    request.set_endpoint("endpoint of " + member);
    return request;
  }
  std::unique_ptr<Membership> Join(const std::string& member) {
    auto joined = client_->JoinGroup(JoinRequest(member));
    EXPECT_TRUE(joined.ok()) << joined.status();
    return joined.ok() ? std::move(*joined) : nullptr;
  }
  v1::Group MustComplete(Membership& member) {
    const auto group = member.WaitComplete(kLong);
    EXPECT_TRUE(group.ok()) << group.status();
    return group.ok() ? *group : v1::Group();
  }

  server::DaemonForTest daemon_;
  std::unique_ptr<Client> client_;
};

TEST_F(MembershipTest, FormsAGroupAndSharesABlob) {
  static constexpr int kRanks = 8;
  Create(kRanks);
  std::vector<std::thread> ranks;
  std::atomic<int> readers{0};
  std::vector<uint32_t> slots(kRanks, 99);
  for (int i = 0; i < kRanks; ++i) {
    ranks.emplace_back([this, i, &slots, &readers] {
      // Each has a channel of its own, as processes do.
      auto client = MustConnect();
      auto again = client->CreateGroup(CreateRequest(kRanks));
      EXPECT_TRUE(again.ok() && !again->created());
      v1::JoinGroupRequest request = JoinRequest("m" + std::to_string(i));
      request.set_include_plan(true);
      auto joined = client->JoinGroup(request);
      ASSERT_TRUE(joined.ok()) << joined.status();
      Membership& me = **joined;
      slots[i] = me.slot();
      const v1::Group group = MustComplete(me);
      EXPECT_EQ(group.members_size(), kRanks);
      EXPECT_EQ(group.plan().ranks_size(), kRanks);
      EXPECT_EQ(group.members(i).endpoint(),
                "endpoint of " + group.members(i).member_id());
      std::string secret("unique\0id", 9);
      if (me.slot() == 3) {
        EXPECT_TRUE(me.PublishBlob(group.epoch(), "nccl", secret).ok());
      }
      const auto got = me.GetBlob(group.epoch(), "nccl", kLong);
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(*got, secret);
      // Leaving ends the epoch, so the others must have read by then.
      ++readers;
      while (readers < kRanks) std::this_thread::yield();
      EXPECT_TRUE(me.Leave().ok());
      EXPECT_FALSE(me.status().ok());
    });
  }
  for (std::thread& rank : ranks) rank.join();
  std::sort(slots.begin(), slots.end());
  for (uint32_t i = 0; i < kRanks; ++i) EXPECT_EQ(slots[i], i);
  const auto after = client_->GetGroup("g", false);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->members_size(), 0);
  EXPECT_EQ(after->reason_code(), "MEMBER_LEFT");
}

TEST_F(MembershipTest, ALossIsSeenByTheOthersAndFencesTheOldEpoch) {
  Create(2);
  auto a = Join("a");
  auto b = Join("b");
  const uint64_t before = MustComplete(*a).epoch();
  std::promise<v1::GroupEvent> lost;
  a->OnLoss([&lost](const v1::GroupEvent& event) { lost.set_value(event); });
  b.reset();  // like the end of its process
  const v1::GroupEvent event = lost.get_future().get();
  a->OnLoss(nullptr);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_MEMBER_LOST);
  EXPECT_EQ(event.member().member_id(), "b");
  EXPECT_EQ(event.reason_code(), "STREAM_BROKEN");
  EXPECT_GT(event.epoch(), before);
  const auto now = a->WaitEpochAfter(before, kLong);
  ASSERT_TRUE(now.ok());
  EXPECT_EQ(now->free_slots_size(), 1);
  const absl::Status stale = a->PublishBlob(before, "x", "y");
  EXPECT_EQ(stale.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(stale), "STALE_EPOCH");
  EXPECT_EQ(CurrentEpochOf(stale), now->epoch());
  b = Join("b");
  EXPECT_EQ(b->slot(), 1u);
  EXPECT_EQ(MustComplete(*a).epoch(), now->epoch());
}

TEST_F(MembershipTest, AWaitForABlobEndsWithTheEpoch) {
  Create(2);
  auto a = Join("a");
  auto b = Join("b");
  const uint64_t epoch = MustComplete(*a).epoch();
  auto waiting = std::async(std::launch::async, [&] {
    return a->GetBlob(epoch, "never", kLong).status();
  });
  EXPECT_TRUE(b->Leave().ok());
  EXPECT_EQ(ReasonOf(waiting.get()), "STALE_EPOCH");
  ASSERT_TRUE(a->WaitEpochAfter(epoch, kLong).ok());
  const absl::Status late = a->GetBlob(a->View().epoch(), "never", 20).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(late), "BLOB_NOT_PUBLISHED");
}

TEST_F(MembershipTest, RefusalsHaveReasonsAndRemedies) {
  EXPECT_EQ(ReasonOf(client_->JoinGroup(JoinRequest("a")).status()),
            "GROUP_NOT_FOUND");
  v1::CreateGroupRequest bad = CreateRequest(64);
  EXPECT_EQ(ReasonOf(client_->CreateGroup(bad).status()), "NO_PLAN");
  bad.mutable_plan_request()->mutable_constraints()->set_ranks(0);
  EXPECT_EQ(ReasonOf(client_->CreateGroup(bad).status()), "INVALID_REQUEST");
  bad.set_plan_hash(std::string(64, '0'));
  EXPECT_EQ(ReasonOf(client_->CreateGroup(bad).status()), "UNKNOWN_PLAN");
  bad.set_plan_hash("nonsense");
  EXPECT_EQ(ReasonOf(client_->CreateGroup(bad).status()), "INVALID_REQUEST");
  bad.mutable_plan()->set_hash(std::string(64, '0'));
  EXPECT_EQ(ReasonOf(client_->CreateGroup(bad).status()), "INVALID_PLAN");
  bad.clear_source();
  const absl::Status status = client_->CreateGroup(bad).status();
  EXPECT_EQ(status.message(),
            "INVALID_REQUEST: source: is missing; give plan, plan_hash or "
            "plan_request");
  Create(1);
  auto a = Join("a");
  EXPECT_EQ(ReasonOf(client_->JoinGroup(JoinRequest("a")).status()),
            "MEMBER_ID_IN_USE");
  EXPECT_EQ(ReasonOf(client_->JoinGroup(JoinRequest("b")).status()),
            "GROUP_FULL");
  EXPECT_EQ(ReasonOf(client_->DeleteGroup("g", false)), "MEMBERS_PRESENT");
}

TEST_F(MembershipTest, AGroupIsMadeFromTheHashOfAPlan) {
  const auto plans = client_->Plan(CreateRequest(4).plan_request());
  ASSERT_TRUE(plans.ok() && plans->plans_size() > 0);
  v1::CreateGroupRequest request;
  request.set_group_id("by-hash");
  request.set_plan_hash(plans->plans(0).hash());
  const auto created = client_->CreateGroup(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->group().size(), 4u);
  request.set_group_id("by-plan");
  *request.mutable_plan() = plans->plans(0);
  EXPECT_TRUE(client_->CreateGroup(request).ok());
  EXPECT_EQ(client_->ListGroups()->size(), 2u);
  const auto shown = client_->GetGroup("by-hash", true);
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->plan().SerializeAsString(),
            plans->plans(0).SerializeAsString());
}

TEST_F(MembershipTest, DeletingAGroupEndsItsMembers) {
  Create(2);
  auto a = Join("a");
  ASSERT_TRUE(client_->DeleteGroup("g", true).ok());
  const absl::Status ended = a->WaitComplete(kLong).status();
  EXPECT_EQ(ReasonOf(ended), "GROUP_DELETED");
  EXPECT_EQ(ReasonOf(a->Leave()), "GROUP_NOT_FOUND");
}

TEST_F(MembershipTest, FormationTimesOut) {
  Create(3);
  v1::JoinGroupRequest request = JoinRequest("a");
  request.mutable_formation_timeout()->set_nanos(50'000'000);
  auto a = client_->JoinGroup(request);
  ASSERT_TRUE(a.ok());
  const absl::Status ended = (*a)->WaitComplete(kLong).status();
  EXPECT_EQ(ended.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(ended), "FORMATION_TIMEOUT");
  EXPECT_NE(ended.message().find("1, 2"), std::string::npos) << ended;
}

// The daemon goes and comes back: same slots, same epoch, same blob, nobody is
// lost.
TEST_F(MembershipTest, MembersResumeAfterARestart) {
  Create(2);
  auto a = Join("a");
  auto b = Join("b");
  const v1::Group before = MustComplete(*a);
  MustComplete(*b);
  ASSERT_TRUE(a->PublishBlob(before.epoch(), "id", "secret").ok());
  std::atomic<int> losses{0};
  a->OnLoss([&losses](const v1::GroupEvent&) { ++losses; });
  for (int round = 0; round < 3; ++round) {
    daemon_.Stop();
    daemon_.Start();
    // Waits until it is connected again.
    EXPECT_EQ(*b->GetBlob(before.epoch(), "id", kLong), "secret");
    EXPECT_EQ(*a->GetBlob(before.epoch(), "id", kLong), "secret");
  }
  auto client = MustConnect();
  v1::Group now = *client->GetGroup("g", false);
  while (now.members(0).state() != v1::MEMBER_STATE_ATTACHED ||
         now.members(1).state() != v1::MEMBER_STATE_ATTACHED) {
    std::this_thread::yield();
    now = *client->GetGroup("g", false);
  }
  EXPECT_EQ(now.epoch(), before.epoch());
  EXPECT_EQ(now.members(0).incarnation(), before.members(0).incarnation());
  EXPECT_EQ(losses, 0);
  EXPECT_TRUE(a->status().ok());
  EXPECT_TRUE(b->Leave().ok());
  EXPECT_TRUE(a->WaitEpochAfter(before.epoch(), kLong).ok());
}

TEST_F(MembershipTest, WhoDoesNotComeBackAfterARestartIsLost) {
  daemon_.options.limits.detach_grace_ms = 1500;
  Create(2);
  auto a = Join("a");
  auto b = Join("b");
  const uint64_t epoch = MustComplete(*a).epoch();
  daemon_.Stop();
  b.reset();
  daemon_.Start();
  const auto now = a->WaitEpochAfter(epoch, kLong);
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->reason_code(), "NOT_RESUMED");
}

TEST_F(MembershipTest, NoDaemonIsAClearError) {
  const std::string socket = daemon_.socket();
  daemon_.Stop();
  ConnectOptions options;
  options.socket = socket;
  const absl::Status status = Client::Connect(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find(socket), std::string::npos);
  EXPECT_NE(status.message().find("start it with"), std::string::npos);
}

}  // namespace
}  // namespace ithaca::client
