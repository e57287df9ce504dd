// ithacad processes over a real etcd, killed, stopped and cut off while members
// of a group are there through each of them.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "tests/cluster/cluster.h"

namespace ithaca::tests {
namespace {

constexpr int64_t kLong = 60'000;

class FailoverTest : public testing::Test {
 protected:
  // Skips the test, with the reason, where there can be no cluster.
  bool Begin(const Cluster::Options& options = {}) {
    why_not_ = Cluster::WhyNot(options);
    if (!why_not_.empty()) return false;
    cluster_ = Cluster::Start(options);
    EXPECT_NE(cluster_, nullptr);
    if (cluster_ == nullptr) return false;
    coordinator_ = cluster_->WaitUntilWell();
    follower_ = (coordinator_ + 1) % cluster_->size();
    members_ = std::make_unique<Members>(cluster_.get(), "g");
    epoch_ = members_->WaitComplete();
    return true;
  }
  // After `gone` is lost, the others have one new epoch, and can use it.
  void ExpectLost(size_t gone) {
    uint64_t epoch = 0;
    for (size_t i = 0; i < cluster_->size(); ++i) {
      if (i == gone) continue;
      const auto view = members_->at(i)->WaitEpochAfter(epoch_, kLong);
      ASSERT_TRUE(view.ok()) << view.status() << cluster_->LogOf(i);
      if (epoch != 0) EXPECT_EQ(view->epoch(), epoch);
      epoch = view->epoch();
      EXPECT_EQ(view->members_size(), static_cast<int>(cluster_->size()) - 1);
      const absl::Status published =
          members_->at(i)->PublishBlob(epoch, "b" + std::to_string(i), "bytes");
      EXPECT_TRUE(published.ok()) << published;
    }
  }
  // A coordinator that has not heard from the store for a moment says so.
  absl::StatusOr<groups::v1::Group> GroupAsSeenBy(size_t node) {
    for (int64_t waited = 0;; waited += 100) {
      auto group = cluster_->Connect(node)->GetGroup("g", false);
      if (group.ok() || !absl::IsUnavailable(group.status()) || waited >= kLong)
        return group;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  // Everybody is there, in the epoch in which they were.
  void ExpectNobodyLost() {
    cluster_->WaitUntilWell();
    for (size_t i = 0; i < cluster_->size(); ++i) {
      const absl::Status published = members_->at(i)->PublishBlob(
          epoch_, "b" + std::to_string(i), "bytes");
      EXPECT_TRUE(published.ok()) << published;
      const auto group = GroupAsSeenBy(i);
      ASSERT_TRUE(group.ok()) << group.status();
      EXPECT_EQ(group->epoch(), epoch_) << group->reason();
      EXPECT_TRUE(members_->at(i)->status().ok()) << members_->at(i)->status();
    }
  }
  void StopFor(size_t node, std::chrono::milliseconds time) {
    cluster_->Pause(node);
    std::this_thread::sleep_for(time);
    cluster_->Resume(node);
  }

  std::string why_not_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Members> members_;
  size_t coordinator_ = 0;
  size_t follower_ = 0;
  uint64_t epoch_ = 0;
};

TEST_F(FailoverTest, AKilledDaemonsMembersAreLostWhoeverItWas) {
  if (!Begin()) GTEST_SKIP() << why_not_;
  cluster_->Kill(follower_);
  ExpectLost(follower_);
  // It comes back as a new life, and so does its member.
  cluster_->StartDaemon(follower_);
  members_->Rejoin(follower_);
  epoch_ = members_->WaitComplete();
  coordinator_ = cluster_->WaitUntilWell();
  cluster_->Kill(coordinator_);
  ExpectLost(coordinator_);
  EXPECT_NE(cluster_->WaitUntilWell(), coordinator_);
}

TEST_F(FailoverTest, WhoComesBackInTimeLosesNobody) {
  if (!Begin()) GTEST_SKIP() << why_not_;
  cluster_->Kill(follower_);
  cluster_->StartDaemon(follower_);
  ExpectNobodyLost();
  coordinator_ = cluster_->WaitUntilWell();
  cluster_->Kill(coordinator_);
  cluster_->StartDaemon(coordinator_);
  ExpectNobodyLost();
}

TEST_F(FailoverTest, StopsOfOneSecondLoseNobodyAndLongOnesDo) {
  if (!Begin()) GTEST_SKIP() << why_not_;
  for (const size_t node : {follower_, coordinator_, follower_, coordinator_}) {
    StopFor(node, std::chrono::milliseconds(1000));
    ExpectNobodyLost();
  }
  cluster_->Pause(follower_);
  ExpectLost(follower_);
  cluster_->Resume(follower_);
  cluster_->WaitUntilWell();
  members_->Rejoin(follower_);
  EXPECT_GT(members_->WaitComplete(), epoch_);
}

TEST_F(FailoverTest, TheDeathOfEtcdsLeaderLosesNobody) {
  Cluster::Options options;
  options.etcd_members = 3;
  if (!Begin(options)) GTEST_SKIP() << why_not_;
  const auto leader = cluster_->etcd()->Leader();
  ASSERT_TRUE(leader.ok()) << leader.status();
  cluster_->etcd()->Kill(*leader);
  ExpectNobodyLost();
}

// All members of a group of two vote at once, through one daemon.
class Voters {
 public:
  Voters(Cluster* cluster, size_t node, Members* members, uint64_t epoch)
      : client_(cluster->Connect(node)),
        stub_(groups::v1::GroupsService::NewStub(client_->channel())) {
    for (size_t slot = 0; slot < 2; ++slot) {
      groups::v1::Fence* fence = requests_[slot].mutable_fence();
      fence->set_group_id(members->group());
      fence->set_member_id("m" + std::to_string(slot));
      fence->set_incarnation(members->at(slot)->incarnation());
      fence->set_epoch(epoch);
      requests_[slot].mutable_wait()->set_seconds(1);
    }
  }
  // How many of them were told that they agreed.
  int Vote(const std::string& bytes) {
    std::atomic<int> agreed{0};
    std::vector<std::thread> threads;
    for (groups::v1::CommitRequest& request : requests_) {
      request.set_hash(bytes);
      threads.emplace_back([this, &request, &agreed] {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::seconds(2));
        groups::v1::CommitResponse response;
        if (stub_->Commit(&context, request, &response).ok()) ++agreed;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return agreed;
  }

 private:
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<groups::v1::GroupsService::Stub> stub_;
  groups::v1::CommitRequest requests_[2];
};

// The coordinator is cut off together with all members of a group, which go on
// voting under their epoch, while on the other side the group gets a new one
// and new members. From the moment at which anybody has seen the new epoch, no
// vote of the old one succeeds.
TEST_F(FailoverTest, APartitionNeverCommitsOnBothSides) {
  Cluster::Options options;
  options.namespaces = true;
  options.daemons = 2;
  if (!Begin(options)) GTEST_SKIP() << why_not_;
  const size_t old_side = coordinator_, new_side = 1 - coordinator_;
  Members members(cluster_.get(), "p", {old_side, old_side});
  const uint64_t old_epoch = members.WaitComplete();
  Voters old_voters(cluster_.get(), old_side, &members, old_epoch);
  EXPECT_EQ(old_voters.Vote("before"), 2);
  cluster_->SetLink(old_side, false);
  std::atomic<bool> new_epoch{false};
  std::atomic<int> forbidden{0};
  std::thread voter([&] {
    for (int after = 0, step = 0; after < 3; ++step) {
      const bool before = new_epoch;
      const int agreed = old_voters.Vote("old" + std::to_string(step));
      if (before) forbidden += agreed;
      if (before) ++after;
    }
  });
  const auto view = members_->at(new_side)->WaitEpochAfter(epoch_, kLong);
  EXPECT_TRUE(view.ok()) << view.status();
  uint64_t epoch = old_epoch;
  const auto watcher = cluster_->Connect(new_side);
  while (epoch == old_epoch) {
    const auto group = watcher->GetGroup("p", false);
    if (group.ok()) epoch = group->epoch();
  }
  new_epoch = true;
  EXPECT_GT(epoch, old_epoch);
  members.RejoinAll(new_side);
  const uint64_t now = members.WaitComplete();
  Voters new_voters(cluster_.get(), new_side, &members, now);
  EXPECT_EQ(new_voters.Vote("new"), 2);
  voter.join();
  EXPECT_EQ(forbidden, 0);
  cluster_->SetLink(old_side, true);
  cluster_->WaitUntilWell();
  EXPECT_EQ(old_voters.Vote("old"), 0);
  const auto group = cluster_->Connect(old_side)->GetGroup("p", false);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->last_commit().hash(), "new");
  EXPECT_EQ(group->last_commit().epoch(), now);
}

}  // namespace
}  // namespace ithaca::tests
