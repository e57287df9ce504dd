// Two daemons' worth of forwarding in one process: clients, a follower, a
// coordinator, and scripted groups behind it.

#include "daemon/cluster/forwarder.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/forward_wire.h"
#include "daemon/cluster/handover.h"
#include "daemon/cluster/inner_gate.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::cluster {
namespace {

using groups::StreamFate;

constexpr char kService[] = "/ithaca.groups.v1.GroupsService/";

grpc::ByteBuffer ToBytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToText(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const auto& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

// A value that arrives, and those who wait for it.
template <typename T>
class Mailbox {
 public:
  void Put(T value) {
    std::lock_guard<std::mutex> lock(mutex_);
    values_.push_back(std::move(value));
    arrived_.notify_all();
  }
  T Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    arrived_.wait(lock, [this] { return !values_.empty(); });
    T value = std::move(values_.front());
    values_.erase(values_.begin());
    return value;
  }
  std::optional<T> TryTake() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (values_.empty()) return std::nullopt;
    T value = std::move(values_.front());
    values_.erase(values_.begin());
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<T> values_;
};

// What the groups saw.
struct Seen {
  std::string caller;
  Mailbox<StreamFate> ended;
  Mailbox<bool> began;
  std::atomic<int> written{0};
  // How many calls are in the groups now.
  std::atomic<int> open{0};
};

// The groups: what a call does is the text of its request.
class Script : public grpc::ServerGenericBidiReactor {
 public:
  Script(grpc::GenericCallbackServerContext* context, InnerGate* gate,
         Seen* seen)
      : context_(context), gate_(gate), seen_(seen) {
    ++seen_->open;
    HandOver(this);
    const auto caller = gate->Admit(*context, context->method());
    if (!caller.ok()) {
      FinishOnce(groups::ToRpcStatus(caller.refusal()));
      return;
    }
    who_ = EncodeCaller({caller.value().uid, caller.value().gid,
                         caller.value().pid, caller.value().node});
    HandOver(this);
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    if (!ok) return;
    const std::string text = ToText(request_);
    seen_->began.Put(true);
    if (text.rfind("echo", 0) == 0) {
      left_ = 1;
      response_ = request_;
    } else if (text == "who") {
      left_ = 1;
      response_ = ToBytes(who_);
    } else if (text.rfind("count", 0) == 0) {
      left_ = std::stoi(text.substr(5));
      size_ = 100;
      Fill();
    } else if (text.rfind("flood", 0) == 0) {
      left_ = std::stoi(text.substr(5));
      size_ = 100'000;
      Fill();
    } else if (text == "refuse") {
      return FinishOnce(
          groups::ToRpcStatus({absl::StatusCode::kFailedPrecondition,
                               "STALE_EPOCH",
                               "the epoch is over",
                               "look again",
                               {{"current_epoch", "7"}}}));
    } else {
      return;  // "hold"
    }
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    ++seen_->written;
    if (!ok || --left_ <= 0) return FinishOnce(grpc::Status::OK);
    Fill();
    StartWrite(&response_);
  }
  void OnCancel() override {
    const Reaction reaction(this);
    seen_->ended.Put(gate_->WhyEnded(*context_));
    FinishOnce(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    TakeBack(this);
    --seen_->open;
    delete this;
  }

 private:
  void Fill() {
    response_ = ToBytes(std::to_string(left_) + std::string(size_, 'x'));
  }
  void FinishOnce(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }

  grpc::GenericCallbackServerContext* const context_;
  InnerGate* const gate_;
  Seen* const seen_;
  std::string who_;
  grpc::ByteBuffer request_, response_;
  int left_ = 0;
  size_t size_ = 0;
  std::atomic<bool> finished_{false};
};

groups::Caller CallerOf(uint32_t uid, uint32_t gid, uint32_t pid,
                        const std::string& node) {
  groups::Caller caller;
  caller.uid = uid;
  caller.gid = gid;
  caller.pid = pid;
  caller.node = node;
  return caller;
}

class Service : public grpc::CallbackGenericService {
 public:
  using Make = std::function<grpc::ServerGenericBidiReactor*(
      grpc::GenericCallbackServerContext*)>;
  explicit Service(Make make) : make_(std::move(make)) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return make_(context);
  }

 private:
  const Make make_;
};

std::unique_ptr<grpc::Server> Serve(Service* service, int* port) {
  grpc::ServerBuilder builder;
  if (port != nullptr) {
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             port);
  }
  builder.RegisterCallbackGenericService(service);
  return builder.BuildAndStart();
}

void Close(std::unique_ptr<grpc::Server>* server) {
  (*server)->Shutdown(std::chrono::system_clock::now());
  (*server)->Wait();
}

std::shared_ptr<grpc::Channel> Dial(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

Place Here(uint64_t life) {
  return {Place::Kind::kHere, "one", "127.0.0.1:1", life, "it was first"};
}
Place There(uint64_t life) {
  return {Place::Kind::kThere, "one", "127.0.0.1:1", life, "it was first"};
}

// A call of a client; reads when told to.
class Client
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Client(const std::shared_ptr<grpc::Channel>& channel,
         const std::string& method, const std::string& request,
         int64_t deadline_ms = 60'000)
      : stub_(channel), request_(ToBytes(request)) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::milliseconds(deadline_ms));
    HandOver(this);
    stub_.PrepareBidiStreamingCall(&context_, kService + method,
                                   grpc::StubOptions(), this);
    AddHold();
    StartWriteLast(&request_, grpc::WriteOptions());
    StartCall();
  }
  ~Client() override {
    Cancel();
    Status();
  }
  // The next message, or nothing at the end.
  std::optional<std::string> Read() {
    StartRead(&response_);
    if (!read_.Take()) return std::nullopt;
    return ToText(response_);
  }
  void Cancel() { context_.TryCancel(); }
  const grpc::Status& Status() {
    if (!status_.has_value()) {
      RemoveHold();
      status_ = done_.Take();
    }
    return *status_;
  }

  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    read_.Put(ok);
  }
  void OnDone(const grpc::Status& status) override {
    TakeBack(this);
    done_.Put(status);
  }

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_, response_;
  Mailbox<bool> read_;
  Mailbox<grpc::Status> done_;
  std::optional<grpc::Status> status_;
};

std::string ReasonOf(const grpc::Status& status) {
  return status.ok() ? "OK" : groups::FromRpcStatus(status).reason;
}

class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest()
      : inner_service_([this](auto* context) {
          return new Script(context, &inner_gate_, &seen_);
        }),
        peers_service_([this](auto* context) {
          const auto& metadata = context->client_metadata();
          const auto header = metadata.find(kCallerHeader);
          const auto caller = ParseCaller(
              header == metadata.end()
                  ? ""
                  : std::string(header->second.data(), header->second.size()));
          EXPECT_TRUE(caller.has_value());
          return coordinator_->Forward(
              context,
              CallerOf(caller->uid, caller->gid, caller->pid, caller->node),
              true);
        }),
        near_service_([this](auto* context) {
          return coordinator_->Forward(context, CallerOf(7, 8, 9, ""), false);
        }),
        far_service_([this](auto* context) {
          return follower_->Forward(context, CallerOf(1000, 100, 42, ""),
                                    false);
        }) {
    inner_ = Serve(&inner_service_, nullptr);
    Forwarder::Options options;
    options.node = "one";
    options.fates = &fates_;
    options.wait_ms = 200;
    options.connect = [this](const Place&) {
      return inner_->InProcessChannel(grpc::ChannelArguments());
    };
    coordinator_ = std::make_unique<Forwarder>(options);
    coordinator_->SetPlace(Here(1));
    peers_ = Serve(&peers_service_, &peers_port_);
    near_ = Serve(&near_service_, &near_port_);
    options.node = "two";
    options.wait_ms = 60'000;
    options.connect = [this](const Place&) { return Dial(peers_port_); };
    options.watch_process = [this](const groups::Caller& caller,
                                   std::function<void()> exit) {
      EXPECT_EQ(caller.pid, 42u);
      exits_.Put(std::move(exit));
      return std::make_shared<int>(0);
    };
    follower_ = std::make_unique<Forwarder>(options);
    follower_->SetPlace(There(1));
    far_ = Serve(&far_service_, &far_port_);
  }
  ~ForwarderTest() override {
    follower_->Drain();
    Close(&far_);
    follower_.reset();
    coordinator_->Drain();
    Close(&near_);
    Close(&peers_);
    coordinator_.reset();
    Close(&inner_);
    EXPECT_EQ(seen_.open, 0);
  }
  // To the follower, or to the coordinator's own socket.
  std::shared_ptr<grpc::Channel> Far() const { return Dial(far_port_); }
  std::shared_ptr<grpc::Channel> Near() const { return Dial(near_port_); }

  StreamFates fates_;
  InnerGate inner_gate_{&fates_, 500};
  Seen seen_;
  Mailbox<std::function<void()>> exits_;
  Service inner_service_, peers_service_, near_service_, far_service_;
  std::unique_ptr<Forwarder> coordinator_, follower_;
  std::unique_ptr<grpc::Server> inner_, peers_, near_, far_;
  int peers_port_ = 0, near_port_ = 0, far_port_ = 0;
};

TEST_F(ForwarderTest, BytesAndIdentityGoThrough) {
  for (const auto& [channel, who] :
       {std::pair{Far(), "1000,100,42,two"}, std::pair{Near(), "7,8,9,one"}}) {
    Client ask(channel, "GetGroup", "who");
    EXPECT_EQ(ask.Read(), who);
    EXPECT_EQ(ask.Read(), std::nullopt);
    EXPECT_TRUE(ask.Status().ok()) << ask.Status().error_message();
    std::string large = "echo";
    std::mt19937 random(1);
    while (large.size() < (3 << 20)) large += static_cast<char>(random());
    Client echo(channel, "PublishBlob", large);
    EXPECT_TRUE(echo.Read() == large);
    EXPECT_EQ(echo.Read(), std::nullopt);
    EXPECT_TRUE(echo.Status().ok());
  }
}

TEST_F(ForwarderTest, StreamsKeepOrder) {
  for (const auto& channel : {Far(), Near()}) {
    Client watch(channel, "WatchGroup", "count1000");
    for (int left = 1000; left > 0; --left)
      ASSERT_EQ(watch.Read(), std::to_string(left) + std::string(100, 'x'));
    EXPECT_EQ(watch.Read(), std::nullopt);
    EXPECT_TRUE(watch.Status().ok());
  }
}

TEST_F(ForwarderTest, RefusalsKeepTheirReason) {
  for (const auto& channel : {Far(), Near()}) {
    for (const char* method : {"JoinGroup", "Commit"}) {
      Client call(channel, method, "refuse");
      EXPECT_EQ(call.Read(), std::nullopt);
      EXPECT_EQ(call.Status().error_code(),
                grpc::StatusCode::FAILED_PRECONDITION);
      const auto refusal = groups::FromRpcStatus(call.Status());
      EXPECT_EQ(refusal.reason, "STALE_EPOCH");
      EXPECT_EQ(refusal.facts.at("current_epoch"), "7");
      EXPECT_EQ(refusal.next_step, "look again");
    }
  }
}

TEST_F(ForwarderTest, MessagesAboveTheLimitAreRefused) {
  Client call(Far(), "PublishBlob", "echo" + std::string(5 << 20, 'x'));
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_EQ(call.Status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ForwarderTest, DeadlinesAndCancellationReachTheGroups) {
  for (const auto& channel : {Far(), Near()}) {
    {
      Client call(channel, "Barrier", "hold", 200);
      EXPECT_EQ(call.Read(), std::nullopt);
      EXPECT_EQ(call.Status().error_code(),
                grpc::StatusCode::DEADLINE_EXCEEDED);
      seen_.began.Take();
      seen_.ended.Take();
    }
    Client call(channel, "WatchGroup", "hold");
    seen_.began.Take();
    call.Cancel();
    seen_.ended.Take();
    EXPECT_EQ(call.Status().error_code(), grpc::StatusCode::CANCELLED);
  }
}

TEST_F(ForwarderTest, TheGroupsLearnWhyAMemberIsGone) {
  for (const auto& channel : {Far(), Near()}) {
    {
      Client member(channel, "JoinGroup", "hold");
      seen_.began.Take();
      member.Cancel();
      EXPECT_EQ(seen_.ended.Take(), StreamFate::kBroken);
    }
    // The end of the time that the client gave is the client's doing.
    Client member(channel, "JoinGroup", "hold", 200);
    seen_.began.Take();
    EXPECT_EQ(seen_.ended.Take(), StreamFate::kBroken);
    EXPECT_EQ(member.Status().error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  }
}

TEST_F(ForwarderTest, TheEndOfAProcessIsToldAsThat) {
  Client member(Far(), "JoinGroup", "hold");
  seen_.began.Take();
  exits_.Take()();
  EXPECT_EQ(seen_.ended.Take(), StreamFate::kProcessExited);
  EXPECT_EQ(ReasonOf(member.Status()), "PROCESS_EXITED");
}

TEST_F(ForwarderTest, ABrokenLinkIsNotAMembersLoss) {
  Client member(Far(), "JoinGroup", "hold");
  Client watcher(Far(), "WatchGroup", "hold");
  seen_.began.Take();
  seen_.began.Take();
  // Closing the coordinator's server cuts every connection.
  Close(&peers_);
  EXPECT_EQ(ReasonOf(member.Status()), "NOT_COORDINATOR");
  EXPECT_EQ(ReasonOf(watcher.Status()), "NOT_COORDINATOR");
  EXPECT_EQ(member.Status().error_code(), grpc::StatusCode::UNAVAILABLE);
  // Which of the two is whose does not matter: neither is told as an exit, and
  // the member's is told as the link's.
  const StreamFate one = seen_.ended.Take(), other = seen_.ended.Take();
  EXPECT_TRUE(one == StreamFate::kLinkBroke || other == StreamFate::kLinkBroke);
}

TEST_F(ForwarderTest, AStoppingFollowerDetachesItsMembers) {
  Client member(Far(), "JoinGroup", "hold");
  seen_.began.Take();
  follower_->Drain();
  EXPECT_EQ(ReasonOf(member.Status()), "DRAINING");
  EXPECT_EQ(seen_.ended.Take(), StreamFate::kLinkBroke);
  Client late(Far(), "GetGroup", "who");
  EXPECT_EQ(ReasonOf(late.Status()), "DRAINING");
}

TEST_F(ForwarderTest, AChangeOfPlaceEndsWhatIsUnderWay) {
  for (const auto& [channel, forwarder, place] :
       {std::tuple{Far(), follower_.get(), There(2)},
        std::tuple{Near(), coordinator_.get(), Here(2)}}) {
    Client member(channel, "JoinGroup", "hold");
    Client waiter(channel, "GetBlob", "hold");
    seen_.began.Take();
    seen_.began.Take();
    Place same = place;
    same.incarnation = 1;
    same.why = "nothing new";
    forwarder->SetPlace(same);
    forwarder->SetPlace(place);
    EXPECT_EQ(ReasonOf(member.Status()), "NOT_COORDINATOR");
    EXPECT_EQ(ReasonOf(waiter.Status()), "NOT_COORDINATOR");
    EXPECT_EQ(groups::FromRpcStatus(member.Status()).facts.at("coordinator"),
              "one");
    const StreamFate one = seen_.ended.Take(), other = seen_.ended.Take();
    EXPECT_TRUE(one == StreamFate::kLinkBroke ||
                other == StreamFate::kLinkBroke);
    Client next(channel, "GetGroup", "echo");
    EXPECT_EQ(next.Read(), "echo");
  }
}

TEST_F(ForwarderTest, CallsWaitForACoordinatorForAWhile) {
  coordinator_->SetPlace({});
  follower_->SetPlace({});
  // The coordinator waits for 200 ms here, the follower for a minute.
  Client waits(Far(), "GetGroup", "echo");
  Client gives_up(Near(), "GetGroup", "echo");
  EXPECT_EQ(ReasonOf(gives_up.Status()), "NOT_COORDINATOR");
  EXPECT_EQ(gives_up.Status().error_code(), grpc::StatusCode::UNAVAILABLE);
  Client cancelled(Far(), "GetGroup", "echo");
  Client late(Far(), "GetGroup", "echo", 100);
  EXPECT_EQ(late.Status().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  cancelled.Cancel();
  EXPECT_EQ(cancelled.Status().error_code(), grpc::StatusCode::CANCELLED);
  coordinator_->SetPlace(Here(3));
  follower_->SetPlace(There(3));
  EXPECT_EQ(waits.Read(), "echo");
  EXPECT_EQ(waits.Read(), std::nullopt);
  EXPECT_TRUE(waits.Status().ok());
}

TEST_F(ForwarderTest, NobodyForwardsTwice) {
  coordinator_->SetPlace(There(9));
  Client call(Far(), "GetGroup", "echo");
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_EQ(ReasonOf(call.Status()), "NOT_COORDINATOR");
}

TEST_F(ForwarderTest, ASlowReaderSlowsTheWriterDown) {
  for (const auto& channel : {Far(), Near()}) {
    seen_.written = 0;
    Client watch(channel, "WatchGroup", "flood5000");
    ASSERT_TRUE(watch.Read().has_value());
    // Until the writer stands still.
    for (int last = -1; last != seen_.written;) {
      last = seen_.written;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_LT(seen_.written, 500) << "of 100 kB each, nobody reads";
    for (int read = 1; read < 5000; ++read)
      ASSERT_TRUE(watch.Read().has_value()) << read;
    EXPECT_EQ(watch.Read(), std::nullopt);
    EXPECT_TRUE(watch.Status().ok());
  }
}

TEST_F(ForwarderTest, FarewellsAreReadStrictly) {
  for (const StreamFate fate :
       {StreamFate::kBroken, StreamFate::kProcessExited}) {
    EXPECT_EQ(ReadFarewell(WriteFarewell(fate)), fate);
  }
  EXPECT_EQ(ReadFarewell(ToBytes("")), std::nullopt);
  EXPECT_EQ(ReadFarewell(ToBytes("\x08\x09")), std::nullopt);
  EXPECT_EQ(ReadFarewell(ToBytes(std::string(2000, '\0'))), std::nullopt);
  EXPECT_EQ(ReadFarewell(grpc::ByteBuffer()), std::nullopt);
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < 50'000; ++i) {
    std::string text = ToText(WriteFarewell(StreamFate::kProcessExited));
    text.resize(random() % 8);
    for (char& c : text) {
      if (random() % 2 == 0) c = static_cast<char>(random());
    }
    ReadFarewell(ToBytes(text));
  }
}

// Calls of all kinds, cancelled at random, while the place changes.
TEST_F(ForwarderTest, NothingIsLeftOverByChaos) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::atomic<bool> stop{false};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      const auto channel = t % 2 == 0 ? Far() : Near();
      while (!stop) {
        const char* method = random() % 2 == 0 ? "JoinGroup" : "GetBlob";
        const char* script[] = {"hold", "echo", "count20", "refuse"};
        Client call(channel, method, script[random() % 4],
                    1 + static_cast<int>(random() % 50));
        while (random() % 8 != 0 && call.Read().has_value()) ++good;
        if (random() % 2 == 0) call.Cancel();
      }
    });
  }
  std::mt19937 random(seed + 100);
  for (uint64_t life = 10; life < 60; ++life) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    const bool nobody = random() % 4 == 0;
    coordinator_->SetPlace(nobody ? Place{} : Here(life));
    follower_->SetPlace(nobody ? Place{} : There(life));
    while (const auto exit = exits_.TryTake()) {
      if (random() % 2 == 0) (*exit)();
    }
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_GT(good, 0);
  while (follower_->calls() + coordinator_->calls() != 0)
    std::this_thread::yield();
}

}  // namespace
}  // namespace ithaca::cluster
