// Spares, barriers, votes and new plans as clients see them, over a real
// socket.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::client {
namespace {

namespace v1 = groups::v1;

constexpr int64_t kLong = 60'000;

class AgreementTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon_.Start();
    ConnectOptions options;
    options.socket = daemon_.socket();
    auto client = Client::Connect(options);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = std::move(*client);
  }
  void Create(uint32_t ranks, v1::OnLoss on_loss) {
    v1::CreateGroupRequest request;
    request.set_group_id("g");
    request.set_on_loss(on_loss);
    auto* plan = request.mutable_plan_request();
    plan->mutable_model()->set_hidden_size(4096);
    plan->mutable_model()->set_query_heads(32);
    plan->mutable_workload()->set_sequence_length(4096);
    plan->mutable_constraints()->set_ranks(ranks);
    const auto created = client_->CreateGroup(request);
    ASSERT_TRUE(created.ok()) << created.status();
  }
  std::unique_ptr<Membership> Join(const std::string& member) {
    v1::JoinGroupRequest request;
    request.set_group_id("g");
    request.set_member_id(member);
    request.set_may_park(true);
    request.set_include_plan(true);
    auto joined = client_->JoinGroup(request);
    EXPECT_TRUE(joined.ok()) << joined.status();
    return joined.ok() ? std::move(*joined) : nullptr;
  }
  void JoinAll(int count) {
    for (int i = 0; i < count; ++i)
      members_.push_back(Join("m" + std::to_string(i)));
  }
  uint64_t Epoch() {
    const auto group = members_[0]->WaitComplete(kLong);
    EXPECT_TRUE(group.ok()) << group.status();
    return group.ok() ? group->epoch() : 0;
  }

  server::DaemonForTest daemon_;
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<Membership>> members_;
};

TEST_F(AgreementTest, ASpareTakesTheSlotOfTheLost) {
  Create(2, v1::ON_LOSS_WAIT);
  JoinAll(3);
  EXPECT_TRUE(members_[2]->parked());
  const uint64_t epoch = Epoch();
  members_[1].reset();
  const auto group = members_[2]->WaitSlot(kLong);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_FALSE(members_[2]->parked());
  EXPECT_EQ(members_[2]->slot(), 1u);
  EXPECT_EQ(members_[2]->Place().sub_groups_size(), 5);
  EXPECT_TRUE(members_[0]->WaitEpochAfter(epoch, kLong).ok());
  EXPECT_EQ(Epoch(), members_[2]->View().epoch());
  EXPECT_EQ(members_[0]->View().spares_size(), 0);
  EXPECT_EQ(members_[0]->View().members_size(), 2);
}

TEST_F(AgreementTest, AllMeetAndAgree) {
  Create(4, v1::ON_LOSS_WAIT);
  JoinAll(4);
  const uint64_t epoch = Epoch();
  std::vector<std::future<absl::StatusOr<v1::Committed>>> votes;
  for (auto& member : members_) {
    votes.push_back(std::async(std::launch::async, [&member, epoch] {
      const absl::Status met = member->Barrier(epoch, "step", kLong, 7);
      if (!met.ok()) return absl::StatusOr<v1::Committed>(met);
      return member->Commit(epoch, "checkpoint 7", kLong, 7);
    }));
  }
  for (auto& vote : votes) {
    const auto committed = vote.get();
    ASSERT_TRUE(committed.ok()) << committed.status();
    EXPECT_EQ(committed->hash(), "checkpoint 7");
    EXPECT_EQ(committed->round(), 7u);
    EXPECT_EQ(committed->epoch(), epoch);
  }
  // What all were told outlives the daemon.
  daemon_.Stop();
  daemon_.Start();
  const auto again = members_[0]->Commit(epoch, "checkpoint 7", kLong, 7);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(members_[1]->Barrier(epoch, "step", 0, 7).ok());
  const absl::Status late = members_[1]->Barrier(epoch, "step", 0, 8);
  EXPECT_EQ(ReasonOf(late), "BARRIER_TIMEOUT");
  EXPECT_NE(late.message().find("0 (m0)"), std::string::npos) << late;
  v1::ExplainGroupRequest explain;
  explain.set_group_id("g");
  const auto explained = client_->ExplainGroup(explain);
  ASSERT_TRUE(explained.ok()) << explained.status();
  ASSERT_GT(explained->decisions_size(), 0);
  EXPECT_EQ(explained->decisions(0).reason_code(), "RESTORED");
}

TEST_F(AgreementTest, ThoseWhoRemainGetAPlanAndGoOn) {
  Create(4, v1::ON_LOSS_REPLAN);
  JoinAll(4);
  const uint64_t epoch = Epoch();
  const std::string plan = members_[0]->View().plan_hash();
  members_[1].reset();
  for (const int i : {0, 2, 3}) {
    uint64_t seen = epoch;
    // The loss, and then the plan, each with an epoch.
    while (members_[i]->View().plan_hash() == plan) {
      const auto group = members_[i]->WaitEpochAfter(seen, kLong);
      ASSERT_TRUE(group.ok()) << group.status();
      seen = group->epoch();
    }
    ASSERT_TRUE(members_[i]->WaitComplete(kLong).ok());
  }
  std::set<uint32_t> slots;
  for (const int i : {0, 2, 3}) {
    const v1::Group group = members_[i]->View();
    EXPECT_EQ(group.size(), 3u);
    EXPECT_EQ(group.plan().hash(), group.plan_hash());
    EXPECT_EQ(group.plan().ranks_size(), 3);
    const v1::Joined place = members_[i]->Place();
    EXPECT_TRUE(slots.insert(place.slot()).second);
    ASSERT_EQ(place.sub_groups_size(), 5);
    EXPECT_EQ(place.sub_groups(3).axis(), "ulysses");
    EXPECT_EQ(place.sub_groups(3).slots(
                  static_cast<int>(place.sub_groups(3).index())),
              place.slot());
  }
  EXPECT_EQ(slots, (std::set<uint32_t>{0, 1, 2}));
}

TEST_F(AgreementTest, ByHandWithWhatWouldBeDoneFirst) {
  Create(4, v1::ON_LOSS_WAIT);
  JoinAll(4);
  v1::ReplanGroupRequest request;
  request.mutable_fence()->set_group_id("g");
  request.mutable_fence()->set_epoch(Epoch());
  request.add_lost_slots(2);
  request.set_dry_run(true);
  const auto dry = client_->ReplanGroup(request);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->group().size(), 3u);
  EXPECT_EQ(client_->GetGroup("g", false)->size(), 4u);
  request.set_dry_run(false);
  const auto done = client_->ReplanGroup(request);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->group().plan_hash(), dry->group().plan_hash());
  EXPECT_EQ(done->group().spares_size(), 1);
  ASSERT_TRUE(members_[2]->WaitEpochAfter(request.fence().epoch(), kLong).ok());
  EXPECT_TRUE(members_[2]->parked());
  EXPECT_EQ(ReasonOf(members_[2]->Barrier(done->group().epoch(), "b", 0)),
            "PARKED");
  EXPECT_EQ(ReasonOf(client_->ReplanGroup(request).status()), "STALE_EPOCH");
}

}  // namespace
}  // namespace ithaca::client
