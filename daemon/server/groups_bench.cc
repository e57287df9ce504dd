// How long a group takes to form, and a loss to be seen by everybody.
//
//   groups_bench MEMBERS [CHANNELS]
//
// Starts a daemon in this process, opens one stream per member over its socket
// without a thread for each, and prints: from the first join to the moment at
// which the last member knows that the group is complete; and from a member's
// end to the moment at which the last of the others knows.

#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/server/daemon.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {
namespace {

namespace v1 = groups::v1;
using Clock = std::chrono::steady_clock;

// Counts what the members have seen.
class Tally {
 public:
  void Add(std::atomic<int>* count) {
    std::lock_guard<std::mutex> lock(mutex_);
    ++*count;
    changed_.notify_one();
  }
  void WaitFor(const std::atomic<int>& count, int wanted) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count >= wanted; });
  }
  std::atomic<int> complete{0};
  std::atomic<int> lost{0};
  std::atomic<int> done{0};
  std::atomic<int> messages{0};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Member : public grpc::ClientReadReactor<v1::JoinGroupResponse> {
 public:
  Member(v1::GroupsService::Stub* stub, const std::string& name, Tally* tally)
      : tally_(tally) {
    request_.set_group_id("bench");
    request_.set_member_id(name);
    stub->async()->JoinGroup(&context_, &request_, this);
    StartRead(&message_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++tally_->messages;
    bool complete = message_.group().state() == v1::GROUP_STATE_COMPLETE;
    for (const v1::GroupEvent& event : message_.events()) {
      complete = complete || event.type() == v1::EVENT_TYPE_COMPLETE;
      if (event.type() == v1::EVENT_TYPE_MEMBER_LOST)
        tally_->Add(&tally_->lost);
    }
    if (complete) tally_->Add(&tally_->complete);
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override {
    const bool expected = status.error_code() == grpc::StatusCode::CANCELLED;
    if (!expected)
      std::fprintf(stderr, "stream: %s\n", status.error_message().c_str());
    tally_->Add(&tally_->done);
  }
  void Cancel() { context_.TryCancel(); }

 private:
  Tally* const tally_;
  grpc::ClientContext context_;
  v1::JoinGroupRequest request_;
  v1::JoinGroupResponse message_;
};

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

std::vector<std::unique_ptr<v1::GroupsService::Stub>> OpenStubs(
    const std::string& socket, int channels) {
  std::vector<std::unique_ptr<v1::GroupsService::Stub>> stubs;
  for (int i = 0; i < channels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::GroupsService::NewStub(grpc::CreateCustomChannel(
        "unix:" + socket, grpc::InsecureChannelCredentials(), arguments)));
  }
  return stubs;
}

bool CreateGroup(v1::GroupsService::Stub* stub, int members) {
  v1::CreateGroupRequest create;
  create.set_group_id("bench");
  auto* plan = create.mutable_plan_request();
  plan->mutable_model()->set_hidden_size(8192);
  plan->mutable_model()->set_query_heads(64);
  plan->mutable_workload()->set_sequence_length(1 << 20);
  plan->mutable_constraints()->set_ranks(static_cast<uint32_t>(members));
  // Groups of 8 at most, so that every number of ranks has a plan.
  const int degree = members % 8 == 0 ? 8 : 1;
  plan->mutable_constraints()->set_ulysses_degree(
      static_cast<uint32_t>(degree));
  plan->mutable_constraints()->set_data_parallel_degree(
      static_cast<uint32_t>(members / degree));
  grpc::ClientContext context;
  v1::CreateGroupResponse created;
  const grpc::Status status = stub->CreateGroup(&context, create, &created);
  if (!status.ok())
    std::fprintf(stderr, "%s\n", status.error_message().c_str());
  return status.ok();
}

int Run(int members, int channels) {
  std::string folder = "/tmp/ithaca.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  Log log;
  DaemonOptions options;
  options.run_dir = folder;
  options.log = &log;
  auto daemon = Daemon::Start(options);
  if (!daemon.ok()) {
    std::fprintf(stderr, "%s\n", daemon.status().ToString().c_str());
    return 1;
  }
  const auto stubs = OpenStubs((*daemon)->socket_path(), channels);
  if (!CreateGroup(stubs[0].get(), members)) return 1;
  Tally tally;
  std::vector<std::unique_ptr<Member>> all;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < members; ++i) {
    all.push_back(
        std::make_unique<Member>(stubs[static_cast<size_t>(i % channels)].get(),
                                 "m" + std::to_string(i), &tally));
  }
  tally.WaitFor(tally.complete, members);
  const double formed = MsSince(start);
  const int messages = tally.messages;
  const Clock::time_point ended = Clock::now();
  all[0]->Cancel();
  tally.WaitFor(tally.lost, members - 1);
  std::printf(
      "members %d channels %d: formed in %.1f ms (%d messages), loss seen by "
      "all in "
      "%.1f ms\n",
      members, channels, formed, messages, MsSince(ended));
  for (auto& member : all) member->Cancel();
  tally.WaitFor(tally.done, members);
  (*daemon)->Stop();
  return 0;
}

}  // namespace
}  // namespace ithaca::server

int main(int argc, char** argv) {
  const int members = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int channels = argc > 2 ? std::atoi(argv[2]) : 8;
  if (members < 2 || channels < 1) {
    std::fprintf(stderr,
                 "usage: groups_bench MEMBERS [CHANNELS], at least 2 and 1\n");
    return 2;
  }
  return ithaca::server::Run(members, channels);
}
