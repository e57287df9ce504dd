// The daemon as a whole, in this process, over its real socket.

#include "daemon/server/daemon.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/health.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/server/daemon_for_test.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {
namespace {

std::unique_ptr<client::Client> Connect(const std::string& socket) {
  client::ConnectOptions options;
  options.socket = socket;
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? std::move(*client) : nullptr;
}

// Calls any method with an empty request, whatever its kind, and returns its
// status.
grpc::Status CallBlindly(const std::shared_ptr<grpc::Channel>& channel,
                         const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  grpc::ByteBuffer request, response;
  const grpc::Slice nothing("", 0);
  request = grpc::ByteBuffer(&nothing, 1);
  std::mutex mutex;
  std::condition_variable done;
  std::optional<grpc::Status> status;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                 [&](grpc::Status result) {
                   std::lock_guard<std::mutex> lock(mutex);
                   status = std::move(result);
                   done.notify_one();
                 });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&status] { return status.has_value(); });
  return *status;
}

TEST(Daemon, EveryMethodAnswersAndUnservedOnesSayWhy) {
  DaemonForTest daemon;
  daemon.Start();
  auto client = Connect(daemon.socket());
  for (const auto& [method, rule] : AllMethods()) {
    if (rule.access == Access::kBuiltIn) continue;
    const grpc::Status status = CallBlindly(client->channel(), method);
    if (rule.access == Access::kNotServed) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
      EXPECT_NE(status.error_message().find(rule.instead), std::string::npos)
          << method;
    } else {
      EXPECT_FALSE(!status.ok() && status.error_message().empty()) << method;
    }
  }
  const grpc::Status status = CallBlindly(client->channel(), "/no.Such/Method");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(client::ReasonOf(client::FromRpc(status)), "UNKNOWN_METHOD");
}

// With an empty table nothing is open: no handler forgets to ask.
TEST(Daemon, WhatIsNotInTheTableIsDenied) {
  const MethodTable nothing;
  DaemonForTest daemon;
  daemon.options.methods_for_test = &nothing;
  daemon.Start();
  auto client = Connect(daemon.socket());
  for (const auto& [method, rule] : AllMethods()) {
    if (rule.access != Access::kAnyUser && rule.access != Access::kAdmin)
      continue;
    const grpc::Status status = CallBlindly(client->channel(), method);
    const std::string reason = client::ReasonOf(client::FromRpc(status));
    // A service that this daemon does not have, as it is in no cluster, is as
    // closed as can be.
    if (reason == "UNKNOWN_METHOD" && method.rfind("/ithaca.cluster.", 0) == 0)
      continue;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
        << method;
    EXPECT_EQ(reason, "NOT_ALLOWED") << method;
  }
}

TEST(Daemon, TellsItsHealth) {
  DaemonForTest daemon;
  daemon.Start();
  auto client = Connect(daemon.socket());
  const auto health = [&client](const std::string& service) {
    const auto state = client::CheckHealth(client->channel(), service, 60'000);
    return state.ok() ? *state : state.status().ToString();
  };
  EXPECT_EQ(health(""), "SERVING");
  EXPECT_EQ(health("ithaca.groups.v1.GroupsService"), "SERVING");
  EXPECT_EQ(health("ithaca.planner.v1.PlannerService"), "SERVING");
  EXPECT_EQ(health("ithaca.tuning.v1.TuningService"), "NOT_SERVING");
  EXPECT_EQ(health("no.such.Service"), "UNKNOWN");
}

TEST(Daemon, OffersReflection) {
  DaemonForTest daemon;
  daemon.Start();
  auto client = Connect(daemon.socket());
  const grpc::Status status = CallBlindly(
      client->channel(),
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED)
      << status.error_message();
}

TEST(Daemon, DrainingEndsStreamsAndWaits) {
  DaemonForTest daemon;
  daemon.Start();
  auto client = Connect(daemon.socket());
  groups::v1::CreateGroupRequest create;
  create.set_group_id("g");
  create.mutable_plan_request()->mutable_model()->set_hidden_size(512);
  create.mutable_plan_request()->mutable_model()->set_query_heads(8);
  create.mutable_plan_request()->mutable_workload()->set_sequence_length(64);
  create.mutable_plan_request()->mutable_constraints()->set_ranks(2);
  ASSERT_TRUE(client->CreateGroup(create).ok());
  const auto stub = groups::v1::GroupsService::NewStub(client->channel());
  grpc::ClientContext watch_context;
  groups::v1::WatchGroupRequest watch;
  watch.set_group_id("g");
  auto watcher = stub->WatchGroup(&watch_context, watch);
  groups::v1::WatchGroupResponse seen;
  ASSERT_TRUE(watcher->Read(&seen));
  EXPECT_EQ(seen.group().group_id(), "g");

  grpc::ClientContext join_context;
  groups::v1::JoinGroupRequest join;
  join.set_group_id("g");
  join.set_member_id("a");
  auto member = stub->JoinGroup(&join_context, join);
  groups::v1::JoinGroupResponse joined;
  ASSERT_TRUE(member->Read(&joined));
  ASSERT_TRUE(watcher->Read(&seen));
  EXPECT_EQ(seen.events(0).type(), groups::v1::EVENT_TYPE_MEMBER_JOINED);

  std::thread waiting([&] {
    grpc::ClientContext context;
    groups::v1::GetBlobRequest get;
    auto* fence = get.mutable_fence();
    fence->set_group_id("g");
    fence->set_epoch(joined.group().epoch());
    fence->set_member_id("a");
    fence->set_incarnation(joined.joined().incarnation());
    get.set_name("never");
    get.mutable_wait()->set_seconds(3600);
    groups::v1::GetBlobResponse blob;
    const grpc::Status status = stub->GetBlob(&context, get, &blob);
    // Cancelled: it was still on its way when the server closed.
    EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                status.error_code() == grpc::StatusCode::CANCELLED)
        << status.error_message();
  });
  daemon.Stop();
  waiting.join();
  EXPECT_FALSE(watcher->Read(&seen));
  EXPECT_EQ(watcher->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(member->Read(&joined));
  const grpc::Status ended = member->Finish();
  EXPECT_EQ(client::ReasonOf(client::FromRpc(ended)), "DRAINING")
      << ended.error_message();
}

// Watchers resume after the event that they saw last, or get the whole group.
TEST(Daemon, WatchesResume) {
  DaemonForTest daemon;
  daemon.Start();
  auto client = Connect(daemon.socket());
  groups::v1::CreateGroupRequest create;
  create.set_group_id("g");
  create.mutable_plan_request()->mutable_model()->set_hidden_size(512);
  create.mutable_plan_request()->mutable_model()->set_query_heads(8);
  create.mutable_plan_request()->mutable_workload()->set_sequence_length(64);
  create.mutable_plan_request()->mutable_constraints()->set_ranks(2);
  ASSERT_TRUE(client->CreateGroup(create).ok());
  groups::v1::JoinGroupRequest join;
  join.set_group_id("g");
  join.set_member_id("a");
  auto a = client->JoinGroup(join);
  ASSERT_TRUE(a.ok());
  join.set_member_id("b");
  auto b = client->JoinGroup(join);
  ASSERT_TRUE(b.ok());
  const auto stub = groups::v1::GroupsService::NewStub(client->channel());
  groups::v1::WatchGroupRequest watch;
  watch.set_group_id("g");
  for (uint64_t after : {1, 2, 99}) {
    watch.set_after_sequence(after);
    grpc::ClientContext context;
    auto watcher = stub->WatchGroup(&context, watch);
    groups::v1::WatchGroupResponse seen;
    ASSERT_TRUE(watcher->Read(&seen));
    EXPECT_EQ(seen.has_group(), after == 99);
    if (after != 99) {
      ASSERT_EQ(seen.events_size(), static_cast<int>(3 - after));
      EXPECT_EQ(seen.events(0).sequence(), after + 1);
    }
    context.TryCancel();
    while (watcher->Read(&seen)) {
    }
    watcher->Finish();
  }
}

TEST(Daemon, ASecondOneIsRefused) {
  DaemonForTest daemon;
  daemon.Start();
  const auto second = Daemon::Start(daemon.options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  DaemonOptions elsewhere = daemon.options;
  elsewhere.run_dir = MakeShortFolder();
  elsewhere.store = "sqlite:" + daemon.options.run_dir + "/store.db";
  const absl::Status store = Daemon::Start(elsewhere).status();
  EXPECT_EQ(store.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(store.message().find("already running"), std::string::npos)
      << store;
}

TEST(Daemon, BadOptionsAreClearErrors) {
  DaemonForTest daemon;
  for (const char* store : {"redis:here", "sqlite:", "etcd:no-port"}) {
    daemon.options.store = store;
    EXPECT_EQ(Daemon::Start(daemon.options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  daemon.options.store.clear();
  daemon.options.run_dir = "/tmp/" + std::string(200, 'x');
  const absl::Status status = Daemon::Start(daemon.options).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("shorter"), std::string::npos) << status;
}

}  // namespace
}  // namespace ithaca::server
