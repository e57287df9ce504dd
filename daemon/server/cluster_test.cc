// Three daemons of a cluster in one process, over real sockets and mutual TLS:
// clients of each form groups on the first, which coordinates.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/tls_for_test.h"
#include "daemon/cluster/tls_identity.h"
#include "daemon/server/cluster_side.h"
#include "daemon/server/daemon_for_test.h"
#include "daemon/server/member_process_for_test.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {
namespace {

using cluster::Place;
using groups::v1::GroupsService;
constexpr int64_t kLong = 60'000;

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    Join(&one_, "one");
    one_.options.patience_ms = 500;
    one_.Start();
    Join(&two_, "two");
    two_.options.place_for_test = PlaceOfOne(1);
    two_.Start();
    Join(&three_, "three");
    three_.options.place_for_test = PlaceOfOne(1);
    three_.Start();
  }
  void Join(DaemonForTest* daemon, const std::string& node) {
    daemon->options.cluster.listen = "127.0.0.1:0";
    daemon->options.cluster.node = node;
    daemon->options.cluster.tls = authority_.Issue(node);
  }
  Place PlaceOfOne(uint64_t life) {
    return {Place::Kind::kThere, "one", one_.daemon()->cluster()->address(),
            life, "the test says so"};
  }
  int PortOfOne() {
    const std::string address = one_.daemon()->cluster()->address();
    return std::stoi(address.substr(address.rfind(':') + 1));
  }
  static std::unique_ptr<client::Client> Connect(const DaemonForTest& daemon,
                                                 int64_t timeout_ms = kLong) {
    client::ConnectOptions options;
    options.socket = daemon.socket();
    options.timeout_ms = timeout_ms;
    auto client = client::Client::Connect(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? std::move(*client) : nullptr;
  }
  static groups::v1::CreateGroupRequest CreateRequest(uint32_t ranks) {
    groups::v1::CreateGroupRequest request;
    request.set_group_id("g");
    auto* plan = request.mutable_plan_request();
    plan->mutable_model()->set_hidden_size(4096);
    plan->mutable_model()->set_query_heads(32);
    plan->mutable_workload()->set_sequence_length(4096);
    plan->mutable_constraints()->set_ranks(ranks);
    return request;
  }
  static groups::v1::JoinGroupRequest JoinRequest(const std::string& member) {
    groups::v1::JoinGroupRequest request;
    request.set_group_id("g");
    request.set_member_id(member);
    return request;
  }
  // A peer on the port, with this certificate.
  std::shared_ptr<grpc::Channel> Dial(const cluster::TlsPaths& paths) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = cluster::ReadWhole(paths.ca);
    ssl.pem_private_key = cluster::ReadWhole(paths.key);
    ssl.pem_cert_chain = cluster::ReadWhole(paths.cert);
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("ithacad");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(PortOfOne()),
                                     grpc::SslCredentials(ssl), arguments);
  }
  // What GetGroup("g") says to such a peer.
  static grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                          const std::vector<std::string>& callers) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(kLong));
    for (const std::string& caller : callers)
      context.AddMetadata(cluster::kCallerHeader, caller);
    groups::v1::GetGroupRequest request;
    request.set_group_id("g");
    groups::v1::GetGroupResponse response;
    return GroupsService::NewStub(channel)->GetGroup(&context, request,
                                                     &response);
  }
  static std::string Reason(const grpc::Status& status) {
    return client::ReasonOf(client::FromRpc(status));
  }

  cluster::AuthorityForTest authority_;
  DaemonForTest one_, two_, three_;
};

TEST_F(ClusterTest, AGroupIsFormedThroughEveryDoor) {
  const auto a = Connect(one_), b = Connect(two_), c = Connect(three_);
  ASSERT_TRUE(b->CreateGroup(CreateRequest(4)).ok());
  EXPECT_FALSE(c->CreateGroup(CreateRequest(4))->created());
  std::vector<std::unique_ptr<client::Membership>> members;
  for (auto* client : {a.get(), b.get(), c.get(), b.get()}) {
    auto joined =
        client->JoinGroup(JoinRequest("m" + std::to_string(members.size())));
    ASSERT_TRUE(joined.ok()) << joined.status();
    members.push_back(std::move(*joined));
  }
  std::set<uint32_t> slots;
  for (auto& member : members) {
    const auto view = member->WaitComplete(kLong);
    ASSERT_TRUE(view.ok()) << view.status();
    slots.insert(member->slot());
  }
  EXPECT_EQ(slots.size(), 4u);
  const auto group = c->GetGroup("g", true);
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->owner_uid(), geteuid());
  for (const auto& member : group->members())
    EXPECT_EQ(member.pid(), static_cast<uint32_t>(getpid()));
  // Blobs, large ones too, and waiting for them.
  const uint64_t epoch = group->epoch();
  std::string blob(65536, '\0');
  std::mt19937 random(1);
  for (char& c : blob) c = static_cast<char>(random());
  std::thread waiter([&] {
    const auto got = members[2]->GetBlob(epoch, "id", kLong);
    EXPECT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(got.ok() && *got == blob);
  });
  ASSERT_TRUE(members[1]->PublishBlob(epoch, "id", blob).ok());
  waiter.join();
  const auto nothing = members[3]->GetBlob(epoch, "none", 100);
  EXPECT_EQ(client::ReasonOf(nothing.status()), "BLOB_NOT_PUBLISHED");
  // A loss behind one daemon is seen behind the others.
  members[1].reset();
  for (int i : {0, 2, 3}) {
    const auto next = members[i]->WaitEpochAfter(epoch, kLong);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(client::ReasonOf(members[i]->PublishBlob(epoch, "x", "y")),
              "STALE_EPOCH");
  }
  EXPECT_TRUE(members[3]->Leave().ok());
}

TEST_F(ClusterTest, MessagesTooLargeAreRefusedWhereTheyCome) {
  const auto bad = Connect(two_);
  groups::v1::PublishBlobRequest request;
  request.set_data(std::string(5 << 20, 'x'));
  groups::v1::PublishBlobResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(GroupsService::NewStub(bad->channel())
                ->PublishBlob(&context, request, &response)
                .error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(bad->ListGroups().ok());
}

TEST_F(ClusterTest, TheCoordinatorComesBackAndMembersResume) {
  const auto a = Connect(two_), b = Connect(three_);
  ASSERT_TRUE(a->CreateGroup(CreateRequest(2)).ok());
  auto first = a->JoinGroup(JoinRequest("a"));
  auto second = b->JoinGroup(JoinRequest("b"));
  ASSERT_TRUE(first.ok() && second.ok());
  const auto before = (*first)->WaitComplete(kLong);
  ASSERT_TRUE(before.ok());
  one_.Stop();
  EXPECT_EQ(client::ReasonOf(Connect(two_, 500)->ListGroups().status()),
            "NOT_COORDINATOR");
  one_.Start();
  two_.daemon()->cluster()->SetPlace(PlaceOfOne(2));
  three_.daemon()->cluster()->SetPlace(PlaceOfOne(2));
  for (auto* member : {&*first, &*second}) {
    const std::string blob = "after " + (*member)->View().group_id();
    EXPECT_TRUE((*member)
                    ->PublishBlob(before->epoch(),
                                  std::to_string((*member)->slot()), blob)
                    .ok());
  }
  EXPECT_EQ(a->GetGroup("g", false)->epoch(), before->epoch());
}

TEST_F(ClusterTest, MembersOutliveTheDaemonThatForwardsThem) {
  const auto a = Connect(two_), b = Connect(three_);
  ASSERT_TRUE(b->CreateGroup(CreateRequest(2)).ok());
  auto far = a->JoinGroup(JoinRequest("far"));
  auto near = b->JoinGroup(JoinRequest("near"));
  ASSERT_TRUE(far.ok() && near.ok());
  const auto before = (*near)->WaitComplete(kLong);
  ASSERT_TRUE(before.ok());
  const auto state = [&b] {
    const auto group = b->GetGroup("g", false);
    for (const auto& member : group->members()) {
      if (member.member_id() == "far") return member.state();
    }
    return groups::v1::MEMBER_STATE_UNSPECIFIED;
  };
  EXPECT_EQ(state(), groups::v1::MEMBER_STATE_ATTACHED);
  two_.Stop();
  while (state() != groups::v1::MEMBER_STATE_DETACHED)
    std::this_thread::yield();
  EXPECT_EQ(b->GetGroup("g", false)->epoch(), before->epoch());
  two_.Start();
  while (state() != groups::v1::MEMBER_STATE_ATTACHED)
    std::this_thread::yield();
  EXPECT_EQ(b->GetGroup("g", false)->epoch(), before->epoch());
  EXPECT_TRUE((*far)->PublishBlob(before->epoch(), "still", "here").ok());
}

TEST_F(ClusterTest, OnlyDaemonsMayCallThePort) {
  const auto daemon = Dial(authority_.Issue("fourth"));
  EXPECT_EQ(Reason(Ask(daemon, {"1000,100,42,four"})), "GROUP_NOT_FOUND");
  EXPECT_EQ(Reason(Ask(daemon, {})), "NOT_ALLOWED");
  EXPECT_EQ(Reason(Ask(daemon, {"1000,100,42"})), "NOT_ALLOWED");
  EXPECT_EQ(Reason(Ask(daemon, {"1,1,1,a", "0,0,0,b"})), "NOT_ALLOWED");
  const auto other = Dial(authority_.Issue("web", "DNS:web"));
  for (const auto& callers : {std::vector<std::string>{}, {"0,0,1,web"}}) {
    const grpc::Status status = Ask(other, callers);
    EXPECT_EQ(Reason(status), "NOT_ALLOWED");
    EXPECT_NE(status.error_message().find("names DNS web"), std::string::npos)
        << status.error_message();
  }
  cluster::AuthorityForTest stranger;
  cluster::TlsPaths forged = stranger.Issue("forged");
  forged.ca = authority_.ca();
  EXPECT_EQ(Ask(Dial(forged), {"0,0,1,x"}).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // Nobody on the Unix socket speaks for others.
  const auto local = Connect(two_);
  EXPECT_EQ(Reason(Ask(local->channel(), {"0,0,1,x"})), "NOT_ALLOWED");
  EXPECT_EQ(Reason(Ask(local->channel(), {})), "GROUP_NOT_FOUND");
}

// What gRPC puts on every server by itself is not on this one.
TEST_F(ClusterTest, ThePortServesNothingElse) {
  const auto daemon = Dial(authority_.Issue("fourth"));
  for (const char* method :
       {"/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/ithaca.planner.v1.PlannerService/Plan",
        "/ithaca.topology.v1.TopologyService/GetTopology", "/no.Such/Method"}) {
    grpc::ClientContext context;
    context.AddMetadata(cluster::kCallerHeader, "0,0,1,x");
    grpc::ByteBuffer request, response;
    const grpc::Slice nothing("", 0);
    request = grpc::ByteBuffer(&nothing, 1);
    std::promise<grpc::Status> done;
    grpc::GenericStub(daemon).UnaryCall(
        &context, method, grpc::StubOptions(), &request, &response,
        [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    EXPECT_EQ(Reason(status), "NOT_ALLOWED")
        << method << " " << status.error_message();
  }
}

TEST_F(ClusterTest, AFollowerForwardsNobodysCalls) {
  const auto fourth = authority_.Issue("fourth");
  cluster::TlsIdentity::Options options;
  options.paths = fourth;
  options.log = [](bool, const std::string&) {};
  const auto identity = cluster::TlsIdentity::Start(std::move(options));
  ASSERT_TRUE(identity.ok());
  const auto channel = grpc::CreateChannel(two_.daemon()->cluster()->address(),
                                           (*identity)->ChannelCredentials());
  EXPECT_EQ(Reason(Ask(channel, {"1,1,1,n"})), "NOT_COORDINATOR");
}

// A process that joined through a follower ends; a child of it still holds the
// connection.
TEST_F(ClusterTest, TheEndOfAProcessIsSeenBehindAFollower) {
  const auto watcher = Connect(three_);
  ASSERT_TRUE(watcher->CreateGroup(CreateRequest(2)).ok());
  auto mine = watcher->JoinGroup(JoinRequest("mine"));
  ASSERT_TRUE(mine.ok());
  MemberProcess other("daemon/server/group_member_for_test", two_.socket(), "g",
                      "other");
  ASSERT_TRUE(other.joined());
  const auto view = (*mine)->WaitComplete(kLong);
  ASSERT_TRUE(view.ok()) << view.status();
  std::atomic<bool> seen{false};
  std::string why;
  (*mine)->OnLoss([&](const groups::v1::GroupEvent& event) {
    why = event.reason_code();
    seen = true;
  });
  other.LeaveConnectionToChild();
  ASSERT_TRUE((*mine)->WaitEpochAfter(view->epoch(), kLong).ok());
  while (!seen) std::this_thread::yield();
  EXPECT_EQ(why, "PROCESS_EXITED");
}

}  // namespace
}  // namespace ithaca::server
