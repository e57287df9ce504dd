// What operators see of a daemon: its metrics over the door, its limits.

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/metrics/exposition_for_test.h"
#include "daemon/server/daemon_for_test.h"
#include "daemon/server/version.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "ithaca/planner/v1/planner.grpc.pb.h"

namespace ithaca::server {
namespace {

using metrics::Exposition;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGroups[] = "ithaca.groups.v1.GroupsService/";
constexpr size_t kMaxLabels = 2;

std::unique_ptr<client::Client> Connect(const DaemonForTest& daemon,
                                        int64_t timeout_ms) {
  client::ConnectOptions options;
  options.socket = daemon.socket();
  options.timeout_ms = timeout_ms;
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? std::move(*client) : nullptr;
}

class OperationsTest : public testing::Test {
 protected:
  void Start() {
    daemon_.options.metrics = "unix:" + daemon_.options.run_dir + "/metrics";
    daemon_.Start();
    client_ = Connect(daemon_, 60'000);
  }
  void TearDown() override {
    client_.reset();
    daemon_.Stop();
  }

  Exposition Scrape() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string path = daemon_.options.run_dir + "/metrics";
    std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[4096];
    for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<size_t>(n));
    close(fd);
    const size_t body = answer.find("\r\n\r\n");
    EXPECT_NE(body, std::string::npos) << answer;
    Exposition read =
        metrics::ReadExposition(answer.substr(body + 4), kMaxLabels);
    EXPECT_THAT(read.faults, IsEmpty());
    return read;
  }
  // Scrapes until the series has the value: what a call leaves behind is
  // counted after its answer.
  Exposition ScrapeUntil(const std::string& series, double value) {
    for (;;) {
      Exposition read = Scrape();
      if (read.Get(series) == value || HasFailure()) return read;
      std::this_thread::yield();
    }
  }
  static std::string Calls(const std::string& method,
                           const std::string& reason) {
    return "ithaca_calls_total{method=\"" + (kGroups + method) +
           "\",reason=\"" + reason + "\"}";
  }
  void CreateGroup(const std::string& id) {
    groups::v1::CreateGroupRequest create;
    create.set_group_id(id);
    auto* plan = create.mutable_plan_request();
    plan->mutable_model()->set_hidden_size(1024);
    plan->mutable_model()->set_query_heads(8);
    plan->mutable_workload()->set_sequence_length(4096);
    plan->mutable_constraints()->set_ranks(1);
    plan->mutable_constraints()->set_ulysses_degree(1);
    plan->mutable_constraints()->set_data_parallel_degree(1);
    const auto created = client_->CreateGroup(create);
    ASSERT_TRUE(created.ok()) << created.status();
  }

  DaemonForTest daemon_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(OperationsTest, AScrapeTellsWhatHappened) {
  Start();
  const Exposition before = ScrapeUntil("ithaca_connections", 1);
  EXPECT_EQ(before.Get("ithaca_build_info{version=\"" + std::string(kVersion) +
                       "\"}"),
            1);
  EXPECT_EQ(before.Get("ithaca_groups{state=\"forming\"}"), 0);
  CreateGroup("g");
  EXPECT_FALSE(client_->GetGroup("nobody", false).ok());
  groups::v1::JoinGroupRequest join;
  join.set_group_id("g");
  join.set_member_id("m");
  auto member = client_->JoinGroup(join);
  ASSERT_TRUE(member.ok()) << member.status();
  ASSERT_TRUE((*member)->WaitComplete(60'000).ok());
  const Exposition during = ScrapeUntil(
      "ithaca_streams{method=\"" + std::string(kGroups) + "JoinGroup\"}", 1);
  EXPECT_EQ(during.Get("ithaca_groups{state=\"complete\"}"), 1);
  EXPECT_EQ(during.Get("ithaca_group_members"), 1);
  EXPECT_EQ(during.Get(Calls("CreateGroup", "OK")), 1);
  EXPECT_EQ(during.Get(Calls("GetGroup", "GROUP_NOT_FOUND")), 1);
  EXPECT_GE(during.Get("ithaca_store_commit_seconds_count"), 2);
  EXPECT_EQ(during.Get("ithaca_call_seconds_count{method=\"" +
                       std::string(kGroups) + "CreateGroup\"}"),
            1);
  ASSERT_TRUE((*member)->Leave().ok());
  member->reset();
  const Exposition after = ScrapeUntil(
      "ithaca_streams{method=\"" + std::string(kGroups) + "JoinGroup\"}", 0);
  EXPECT_EQ(after.Get("ithaca_group_members"), 0);
  EXPECT_THAT(metrics::FallenCounters(before, during), IsEmpty());
  EXPECT_THAT(metrics::FallenCounters(during, after), IsEmpty());
  EXPECT_GE(daemon_.CountLog("group is complete"), 1);
  EXPECT_GE(daemon_.CountLog("member left"), 1);
}

TEST_F(OperationsTest, HostileNamesMakeNoLabels) {
  Start();
  for (int i = 0; i < 50; ++i) {
    grpc::GenericStub stub(client_->channel());
    grpc::ClientContext context;
    const grpc::Slice nothing("", 0);
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> status;
    stub.UnaryCall(&context, "/no.Such" + std::to_string(i) + "/Method",
                   grpc::StubOptions(), &request, &response,
                   [&status](grpc::Status s) { status.set_value(s); });
    EXPECT_EQ(status.get_future().get().error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  const Exposition read = ScrapeUntil(
      "ithaca_calls_total{method=\"other\",reason=\"UNKNOWN_METHOD\"}", 50);
  for (const auto& [series, value] : read.series)
    EXPECT_EQ(series.find("no.Such"), std::string::npos) << series;
}

TEST_F(OperationsTest, AnswersCarryTheVersion) {
  Start();
  const auto stub = groups::v1::GroupsService::NewStub(client_->channel());
  grpc::ClientContext context;
  groups::v1::ListGroupsResponse response;
  ASSERT_TRUE(stub->ListGroups(&context, {}, &response).ok());
  const auto& metadata = context.GetServerInitialMetadata();
  const auto found = metadata.find("ithaca-version");
  ASSERT_NE(found, metadata.end());
  EXPECT_EQ(std::string(found->second.data(), found->second.size()), kVersion);
}

TEST_F(OperationsTest, WhoCallsTooOftenIsToldWhenToComeBack) {
  daemon_.options.rate_limits.cheap = 2;
  Start();
  const auto stub = groups::v1::GroupsService::NewStub(client_->channel());
  grpc::Status status;
  int admitted = 0;
  for (;;) {
    grpc::ClientContext context;
    groups::v1::ListGroupsResponse response;
    status = stub->ListGroups(&context, {}, &response);
    if (!status.ok()) break;
    ASSERT_LT(++admitted, 10'000);
  }
  EXPECT_GE(admitted, 20);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const absl::Status refused = client::FromRpc(status);
  EXPECT_EQ(client::ReasonOf(refused), "RATE_LIMITED");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--rate_limits"));
  // Our own client waits as it is told.
  const auto groups = client_->ListGroups();
  EXPECT_TRUE(groups.ok()) << groups.status();
  // Streams have a bucket of their own.
  grpc::ClientContext context;
  groups::v1::WatchGroupRequest watch;
  watch.set_group_id("nobody");
  groups::v1::WatchGroupResponse response;
  auto reader = stub->WatchGroup(&context, watch);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_GE(Scrape().Get(Calls("ListGroups", "RATE_LIMITED")), 1);
}

// Far more at once than there are places: all are answered, one way or the
// other, and look-ups go on.
TEST_F(OperationsTest, PlanningFloodsAreBounded) {
  Start();
  constexpr int kFlood = 150;
  std::vector<std::thread> flood;
  std::atomic<int> planned{0}, refused{0};
  for (int i = 0; i < kFlood; ++i) {
    flood.emplace_back([&] {
      const auto stub =
          planner::v1::PlannerService::NewStub(client_->channel());
      grpc::ClientContext context;
      planner::v1::PlanRequest request;
      request.mutable_model()->set_hidden_size(8192);
      request.mutable_model()->set_query_heads(64);
      request.mutable_workload()->set_sequence_length(1 << 20);
      request.mutable_constraints()->set_ranks(64);
      request.mutable_constraints()->set_ulysses_degree(8);
      request.mutable_constraints()->set_data_parallel_degree(8);
      planner::v1::PlanResponse response;
      const grpc::Status status = stub->Plan(&context, request, &response);
      if (status.ok()) ++planned;
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED)
        ++refused;
    });
  }
  EXPECT_TRUE(client_->ListGroups().ok());
  for (auto& thread : flood) thread.join();
  EXPECT_EQ(planned + refused, kFlood);
  EXPECT_GE(planned, 1);
  EXPECT_GE(Scrape().Get("ithaca_planner_seconds_count"), planned);
}

}  // namespace
}  // namespace ithaca::server
