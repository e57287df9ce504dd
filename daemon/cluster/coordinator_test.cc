// Three daemons' coordinators in one process, over one store, with real
// heartbeats: who coordinates, who is told what, and what happens when one is
// cut off.

#include "daemon/cluster/coordinator.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/cluster/cluster_service.h"
#include "daemon/store/memory_store.h"

namespace ithaca::cluster {
namespace {

Millis NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The store as one daemon reaches it, or not.
class Reach : public store::Store {
 public:
  explicit Reach(store::Store* store) : store_(store) {}

  absl::StatusOr<std::optional<store::KeyValue>> Get(
      std::string_view key) override {
    if (cut) return Unavailable();
    return store_->Get(key);
  }
  absl::StatusOr<store::ListResult> List(std::string_view prefix,
                                         std::string_view after,
                                         size_t limit) override {
    if (cut) return Unavailable();
    return store_->List(prefix, after, limit);
  }
  absl::StatusOr<store::TxnResult> Txn(
      const std::vector<store::Compare>& compares,
      const std::vector<store::Op>& ops) override {
    if (cut) return Unavailable();
    return store_->Txn(compares, ops);
  }
  absl::StatusOr<int64_t> Revision() override { return store_->Revision(); }
  absl::StatusOr<std::unique_ptr<store::WatchHandle>> Watch(
      std::string_view prefix, int64_t after,
      store::WatchCallback callback) override {
    return store_->Watch(prefix, after, std::move(callback));
  }
  absl::StatusOr<std::unique_ptr<store::Lease>> Grant(
      std::chrono::milliseconds ttl, store::LeaseLost lost) override {
    if (cut) return Unavailable();
    return store_->Grant(ttl, std::move(lost));
  }

  std::atomic<bool> cut{false};

 private:
  static absl::Status Unavailable() {
    return absl::UnavailableError("cut off");
  }
  store::Store* const store_;
};

class Everybody : public groups::Gate {
 public:
  groups::Result<groups::Caller> Admit(const grpc::ServerContextBase&,
                                       const std::string&) override {
    return groups::Caller{};
  }
};

// What all of them did, in order.
class Journal {
 public:
  void Add(const std::string& line) {
    std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(line);
    changed_.notify_all();
  }
  // Waits for ever: what must come, comes.
  void WaitFor(const std::function<bool()>& done) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!done()) changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  int Count(const std::string& line) const {
    int count = 0;
    for (const std::string& one : lines_) count += one == line ? 1 : 0;
    return count;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

// One daemon.
class Node : public GroupsRunner {
 public:
  Node(std::string name, store::Store* store, Journal* journal)
      : name_(std::move(name)), reach_(store), journal_(journal) {}
  ~Node() override { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    int port = 0;
    // The service needs the coordinator, which needs the port.
    service_ = std::make_unique<ClusterService>(&gate_);
    service_->SetDesk(&desk_);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    Coordinator::Options options;
    options.node = name_;
    options.address = "127.0.0.1:" + std::to_string(port);
    options.store = &reach_;
    options.groups = this;
    options.connect = [this](const std::string& address) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
      return grpc::CreateCustomChannel(
          address, grpc::InsecureChannelCredentials(), arguments);
    };
    options.on_place = [this](const Place& place) {
      if (place.kind == Place::Kind::kThere)
        journal_->Add(name_ + " follows " + place.node);
    };
    options.clock = NowMs;
    options.wall_clock = NowMs;
    options.log = [](const std::string&) {};
    coordinator_ = Coordinator::Start(std::move(options));
    desk_.to = coordinator_.get();
  }
  void Stop() {
    if (server_ == nullptr) return;
    service_->Drain();
    coordinator_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
    coordinator_.reset();
  }

  absl::Status Begin(Term term, const Place& here) override {
    EXPECT_EQ(here.kind, Place::Kind::kHere);
    EXPECT_EQ(here.node, name_);
    std::lock_guard<std::mutex> lock(mutex_);
    term_ = std::move(term);
    runs_ = true;
    journal_->Add(name_ + " begins");
    return absl::OkStatus();
  }
  void End(const Place& next) override {
    EXPECT_NE(next.kind, Place::Kind::kHere);
    std::lock_guard<std::mutex> lock(mutex_);
    runs_ = false;
    journal_->Add(name_ + " ends");
  }
  std::set<std::string> NodesWithMembers() override { return {name_, "ghost"}; }
  void Tell(const Verdict& verdict) override {
    journal_->Add(verdict.node + " " + cluster::Name(verdict.health));
  }

  bool runs() {
    std::lock_guard<std::mutex> lock(mutex_);
    return runs_;
  }
  bool MayAnswer() {
    std::lock_guard<std::mutex> lock(mutex_);
    return runs_ && term_.may_answer();
  }
  void LoseClaim() {
    std::lock_guard<std::mutex> lock(mutex_);
    term_.on_claim_lost("another daemon claimed the store");
  }
  const std::string& name() const { return name_; }
  Coordinator* coordinator() { return coordinator_.get(); }
  Reach& reach() { return reach_; }

  // It answers no heartbeat.
  void Mute(bool mute) { desk_.mute = mute; }
  // It answers, and forgets, the heartbeats of one node.
  void BeDeafTo(const std::string& node) {
    std::lock_guard<std::mutex> lock(desk_.mutex);
    desk_.deaf_to = node;
  }

 private:
  // Until there is a coordinator to ask.
  struct Desk : ClusterDesk {
    Hearing Hear(const v1::HeartbeatRequest& beat) override {
      Coordinator* desk = to;
      if (desk == nullptr || mute) return Hearing{};
      {
        std::lock_guard<std::mutex> lock(mutex);
        if (beat.node() == deaf_to) return Hearing{desk->place()};
      }
      return desk->Hear(beat);
    }
    v1::GetClusterResponse Describe() override {
      Coordinator* desk = to;
      return desk == nullptr ? v1::GetClusterResponse{} : desk->Describe();
    }
    Place place() override {
      Coordinator* desk = to;
      return desk == nullptr ? Place{} : desk->place();
    }
    std::shared_ptr<grpc::Channel> ChannelTo(
        const std::string& address) override {
      Coordinator* desk = to;
      return desk == nullptr ? nullptr : desk->ChannelTo(address);
    }
    std::atomic<Coordinator*> to{nullptr};
    std::atomic<bool> mute{false};
    std::mutex mutex;
    std::string deaf_to;  // guarded by mutex
  };

  const std::string name_;
  Reach reach_;
  Journal* const journal_;
  Everybody gate_;
  Desk desk_;
  std::unique_ptr<ClusterService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Coordinator> coordinator_;
  std::mutex mutex_;
  Term term_;          // guarded by mutex_
  bool runs_ = false;  // guarded by mutex_
};

class CoordinatorTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"}) {
      nodes_.push_back(std::make_unique<Node>(name, &store_, &journal_));
      nodes_.back()->Start();
    }
    journal_.WaitFor([this] { return Running() == 1; });
  }
  int Running() {
    int running = 0;
    for (const auto& node : nodes_) running += node->MayAnswer() ? 1 : 0;
    return running;
  }
  Node* Coordinating() {
    for (const auto& node : nodes_) {
      if (node->runs()) return node.get();
    }
    return nullptr;
  }
  Node* Following() {
    for (const auto& node : nodes_) {
      if (!node->runs()) return node.get();
    }
    return nullptr;
  }
  void WaitForAlive(const std::string& node, int times) {
    journal_.WaitFor([=] { return journal_.Count(node + " alive") >= times; });
  }

  store::MemoryStore store_;
  Journal journal_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(CoordinatorTest, OneCoordinatesAndHearsTheOthers) {
  Node* first = Coordinating();
  for (const auto& node : nodes_) WaitForAlive(node->name(), 1);
  // Nobody has heard of it, but it has members.
  journal_.WaitFor([this] { return journal_.Count("ghost dead") == 1; });
  const v1::GetClusterResponse cluster = first->coordinator()->Describe();
  EXPECT_EQ(cluster.role(), v1::ROLE_COORDINATOR);
  EXPECT_TRUE(cluster.complete());
  ASSERT_EQ(cluster.nodes_size(), 4);
  EXPECT_EQ(cluster.nodes(0).name(), "a");
  EXPECT_EQ(cluster.nodes(0).state(), v1::NODE_STATE_ALIVE);
  EXPECT_EQ(cluster.nodes(3).name(), "ghost");
  EXPECT_EQ(cluster.nodes(3).state(), v1::NODE_STATE_DEAD);
}

TEST_F(CoordinatorTest, WhoStopsHandsOver) {
  Node* first = Coordinating();
  const std::string name = first->name();
  first->Stop();
  journal_.WaitFor([&] { return Running() == 1 && !first->runs(); });
  EXPECT_NE(Coordinating()->name(), name);
}

TEST_F(CoordinatorTest, WhoIsCutOffFromTheStoreIsReplacedAndFollows) {
  Node* first = Coordinating();
  for (const auto& node : nodes_) WaitForAlive(node->name(), 1);
  first->Mute(true);
  first->reach().cut = true;
  journal_.WaitFor([&] { return !first->MayAnswer(); });
  EXPECT_EQ(Running(), 0) << "nobody else before it has ceased to answer";
  journal_.WaitFor([&] { return Running() == 1; });
  EXPECT_FALSE(first->MayAnswer());
  first->Mute(false);
  first->reach().cut = false;
  journal_.WaitFor([&] { return !first->runs(); });
  journal_.WaitFor([&] {
    return first->coordinator()->place().kind == Place::Kind::kThere;
  });
  EXPECT_EQ(Running(), 1);
}

TEST_F(CoordinatorTest, WhoLosesTheClaimStandsDown) {
  Node* first = Coordinating();
  first->LoseClaim();
  journal_.WaitFor(
      [&] { return journal_.Count(first->name() + " ends") == 1; });
  journal_.WaitFor([this] { return Running() == 1; });
}

TEST_F(CoordinatorTest, ASilentNodeIsSuspectThenDeadAndComesBackAsNew) {
  for (const auto& node : nodes_) WaitForAlive(node->name(), 1);
  Node* follower = Following();
  const std::string name = follower->name();
  const int alive = journal_.Count(name + " alive");
  Coordinating()->BeDeafTo(name);
  journal_.WaitFor([&] { return journal_.Count(name + " dead") == 1; });
  EXPECT_GE(journal_.Count(name + " suspect"), 1);
  Coordinating()->BeDeafTo("");
  WaitForAlive(name, alive + 1);
}

}  // namespace
}  // namespace ithaca::cluster
