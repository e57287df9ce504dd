// The etcd store when members, connections, answers or time are lost.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "daemon/store/etcd/etcd_rpc.grpc.pb.h"
#include "daemon/store/etcd/etcd_store.h"
#include "daemon/store/etcd/fault_proxy_for_test.h"
#include "daemon/store/etcd/janitor.h"
#include "daemon/store/watch_log_for_test.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Mode = FaultProxy::Mode;
using Kind = WatchBatch::Kind;

// Three members for all tests; each test has a prefix of its own and leaves all
// members running.
class EtcdFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!EtcdCluster::WhyNot().empty()) return;
    auto started = EtcdCluster::Start({});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = started->release();
  }
  static void TearDownTestSuite() { delete cluster_; }

  void SetUp() override {
    if (const std::string why = EtcdCluster::WhyNot(); !why.empty())
      GTEST_SKIP() << why;
    ASSERT_NE(cluster_, nullptr);
    ASSERT_TRUE(cluster_->WaitUntilHealthy().ok());
    options_.prefix = absl::StrCat(
        testing::UnitTest::GetInstance()->current_test_info()->name(), "/");
  }

  // Over these endpoints; empty: over every member.
  std::unique_ptr<Store> Open(std::vector<std::string> endpoints = {}) {
    Options options = options_;
    for (size_t i = 0; endpoints.empty() && i < cluster_->size(); ++i)
      options.endpoints.push_back(cluster_->endpoint(i));
    if (!endpoints.empty()) options.endpoints = std::move(endpoints);
    auto store = OpenEtcdStore(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }

  static int64_t Put(Store& store, const std::string& key,
                     const std::string& value, int64_t lease = 0) {
    const auto result = store.Txn({}, {Op::Put(key, value, lease)});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->revision : 0;
  }
  static std::string Value(Store& store, const std::string& key) {
    const auto entry = store.Get(key);
    if (!entry.ok()) return entry.status().ToString();
    return entry->has_value() ? (*entry)->value : "(none)";
  }

  static EtcdCluster* cluster_;
  Options options_;
};

EtcdCluster* EtcdFaults::cluster_ = nullptr;

// Raises a counter by compare and swap until told to stop, and counts what was
// acknowledged.
class Counter {
 public:
  explicit Counter(Store* store) : store_(store) {
    EXPECT_TRUE(store_->Txn({}, {Op::Put("n", "0")}).ok());
    thread_ = std::thread([this] { Run(); });
  }
  ~Counter() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void WaitForMore(int more) {
    const int goal = done_ + more;
    const auto until = steady_clock::now() + seconds(60);
    while (done_ < goal && steady_clock::now() < until)
      std::this_thread::sleep_for(milliseconds(5));
    EXPECT_GE(done_, goal);
  }
  int done() const { return done_; }
  std::string failures() const { return failures_; }

 private:
  void Run() {
    while (!stop_) {
      const auto now = store_->Get("n");
      if (!now.ok()) {
        absl::StrAppend(&failures_, now.status().ToString(), "\n");
        continue;
      }
      const std::string next = absl::StrCat(std::stoi((*now)->value) + 1);
      const auto result =
          store_->Txn({{"n", (*now)->mod_revision}}, {Op::Put("n", next)});
      if (!result.ok()) {
        absl::StrAppend(&failures_, result.status().ToString(), "\n");
      } else if (result->committed) {
        ++done_;
      } else {
        // Nobody else writes: a swap that fails was done and told as not done.
        absl::StrAppend(&failures_, "a swap of ", (*now)->value, " failed\n");
      }
    }
  }

  Store* const store_;
  std::atomic<bool> stop_{false};
  std::atomic<int> done_{0};
  std::string failures_;  // the thread's until Stop
  std::thread thread_;
};

TEST_F(EtcdFaults, AMemberAndALeaderDieAndNobodyNotices) {
  auto store = Open();
  WatchLog log;
  auto watch = store->Watch("", 0, log.Callback());
  Counter counter(store.get());
  counter.WaitForMore(20);
  // The endpoint that is used first, then the leader, one after the other.
  cluster_->Kill(0);
  counter.WaitForMore(20);
  ASSERT_TRUE(cluster_->Restart(0).ok());
  ASSERT_TRUE(cluster_->WaitUntilHealthy().ok());
  const size_t leader = *cluster_->Leader();
  cluster_->Kill(leader);
  counter.WaitForMore(20);
  ASSERT_TRUE(cluster_->Restart(leader).ok());
  cluster_->Pause((leader + 1) % 3);
  counter.WaitForMore(20);
  cluster_->Resume((leader + 1) % 3);
  counter.Stop();
  EXPECT_EQ(counter.failures(), "");
  EXPECT_EQ(Value(*store, "n"), absl::StrCat(counter.done()));
  const int64_t last = (*store->Get("n"))->mod_revision;
  ASSERT_TRUE(log.WaitForRevision(last));
  EXPECT_EQ(log.Violation(), "");
  EXPECT_EQ(log.state()["n"].value, absl::StrCat(counter.done()));
}

TEST_F(EtcdFaults, AllDownIsAClearErrorAndPasses) {
  options_.call_timeout = milliseconds(1000);
  options_.attempt_timeout = milliseconds(300);
  auto store = Open();
  Put(*store, "a", "1");
  WatchLog log;
  auto watch = store->Watch("", 0, log.Callback());
  ASSERT_TRUE(log.WaitFor([](const auto& all) { return !all.empty(); }));
  for (size_t i = 0; i < 3; ++i) cluster_->Kill(i);
  for (const absl::Status& status :
       {store->Get("a").status(), store->List("", "", 1).status(),
        store->Revision().status(),
        store->Txn({}, {Op::Put("b", "1")}).status(),
        store->Grant(seconds(2), nullptr).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    const std::string text(status.message());
    EXPECT_NE(text.find(cluster_->endpoint(2)), std::string::npos) << text;
    EXPECT_NE(text.find("majority"), std::string::npos) << text;
  }
  EXPECT_EQ(OpenEtcdStore([&] {
              Options options = options_;
              options.endpoints = {cluster_->endpoint(0)};
              return options;
            }())
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(cluster_->Restart(i).ok());
  ASSERT_TRUE(cluster_->WaitUntilHealthy().ok());
  EXPECT_EQ(Value(*store, "a"), "1");
  ASSERT_TRUE(log.WaitForRevision(Put(*store, "c", "1")));
  EXPECT_EQ(log.Violation(), "");
}

// A store that is opened waits for the first member.
TEST_F(EtcdFaults, OpeningWaitsForAMember) {
  for (size_t i = 0; i < 3; ++i) cluster_->Kill(i);
  std::string told;
  options_.open_timeout = seconds(30);
  options_.log = [&told](const std::string& text) {
    for (size_t i = 0; told.empty() && i < 3; ++i)
      EXPECT_TRUE(cluster_->Restart(i).ok());
    absl::StrAppend(&told, text, "\n");
  };
  auto store = Open();
  ASSERT_NE(store, nullptr) << told;
  EXPECT_EQ(told.rfind("waits for the store, at most", 0), 0u) << told;
}

TEST_F(EtcdFaults, OpeningGoesOnWithTheOthers) {
  options_.open_timeout = seconds(30);
  std::string told;
  options_.log = [&told](const std::string& text) { told = text; };
  // Nobody listens on the first port.
  auto store = Open({"127.0.0.1:1", cluster_->endpoint(0)});
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(told.rfind("store etcd: 127.0.0.1:1: ", 0), 0u) << told;
  EXPECT_NE(told.find("goes on with the other members"), std::string::npos);
  Put(*store, "a", "1");
  EXPECT_EQ(Value(*store, "a"), "1");
}

TEST_F(EtcdFaults, OpeningEndsWithTheRemedy) {
  options_.open_timeout = milliseconds(500);
  // Nobody listens on that port.
  options_.endpoints = {"127.0.0.1:1"};
  size_t told = 0;
  options_.log = [&told](const std::string&) { ++told; };
  const auto store = OpenEtcdStore(options_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(store.status().message().find("majority"), std::string::npos)
      << store.status();
  EXPECT_EQ(told, 1u);
}

TEST_F(EtcdFaults, ACompactionUnderAWatcherIsBridged) {
  FaultProxy proxy(cluster_->endpoint(0));
  auto direct = Open();
  for (const char* key : {"k/stays", "k/changes", "k/goes"})
    Put(*direct, key, "old");
  auto store = Open({proxy.endpoint()});
  WatchLog known, unknown;
  const int64_t start = *direct->Revision();
  auto watch = store->Watch("k/", 0, known.Callback());
  auto from_here = store->Watch("k/", start, unknown.Callback());
  for (WatchLog* log : {&known, &unknown})
    ASSERT_TRUE(log->WaitFor([](const auto& all) { return !all.empty(); }));
  proxy.Set(Mode::kRefuse);
  Put(*direct, "k/changes", "new");
  ASSERT_TRUE(direct->Txn({}, {Op::Delete("k/goes")}).ok());
  const int64_t last = Put(*direct, "k/comes", "new");
  Put(*direct, "other", "x");
  ASSERT_TRUE(cluster_->Compact(0).ok());
  proxy.Set(Mode::kPass);
  for (WatchLog* log : {&known, &unknown}) {
    ASSERT_TRUE(log->WaitForRevision(last));
    EXPECT_EQ(log->state().size(), 3u);
    EXPECT_EQ(log->state()["k/changes"].value, "new");
    EXPECT_EQ(log->Violation(), "");
  }
  const WatchBatch difference = known.batches().back();
  EXPECT_EQ(difference.kind, Kind::kResync);
  EXPECT_EQ(difference.events.size(), 3u);
  EXPECT_EQ(unknown.batches().back().kind, Kind::kSnapshot);
  ASSERT_TRUE(known.WaitForRevision(Put(*direct, "k/after", "1")));
  EXPECT_EQ(known.batches().back().kind, Kind::kChanges);
}

// When a lease is lost is told before its key goes.
TEST_F(EtcdFaults, ALeaseIsLostBeforeItsKeysGo) {
  FaultProxy proxy(cluster_->endpoint(0));
  auto direct = Open();
  auto store = Open({proxy.endpoint()});
  std::mutex mutex;
  steady_clock::time_point lost_at{}, gone_at{};
  absl::Status why;
  auto lease = store->Grant(seconds(2), [&](const absl::Status& status) {
    std::lock_guard<std::mutex> lock(mutex);
    lost_at = steady_clock::now();
    why = status;
  });
  ASSERT_TRUE(lease.ok());
  Put(*store, "l", "1", (*lease)->id());
  WatchLog log;
  auto watch = direct->Watch("l", *direct->Revision(), [&](const auto& batch) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!batch.events.empty()) gone_at = steady_clock::now();
    }
    log.Callback()(batch);
  });
  // Renewed for longer than it lives, as long as it can be.
  const auto held_until = steady_clock::now() + milliseconds(2500);
  while (steady_clock::now() < held_until) {
    ASSERT_GT((*lease)->Remaining().count(), 0);
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(Value(*direct, "l"), "1");
  proxy.Set(Mode::kBlackhole);
  ASSERT_TRUE(log.WaitFor([](const auto& batches) {
    return !batches.empty() && !batches.back().events.empty();
  }));
  std::lock_guard<std::mutex> lock(mutex);
  EXPECT_EQ((*lease)->Remaining().count(), 0);
  EXPECT_NE(lost_at, steady_clock::time_point());
  EXPECT_LT(lost_at, gone_at);
  EXPECT_NE(std::string(why.message()).find(proxy.endpoint()),
            std::string::npos)
      << why;
}

TEST_F(EtcdFaults, ALeaseIsKeptOverOtherEndpoints) {
  FaultProxy proxy(cluster_->endpoint(0));
  auto store = Open({proxy.endpoint(), cluster_->endpoint(1)});
  std::atomic<bool> lost{false};
  auto lease =
      store->Grant(seconds(2), [&lost](const absl::Status&) { lost = true; });
  ASSERT_TRUE(lease.ok());
  proxy.Set(Mode::kBlackhole);
  const auto until = steady_clock::now() + milliseconds(3000);
  while (steady_clock::now() < until && !lost)
    std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(lost);
  EXPECT_GT((*lease)->Remaining().count(), 0);
}

// The write is done, its answer is lost: the caller is told that it was done.
TEST_F(EtcdFaults, AnAnswerThatIsLostIsFoundOut) {
  options_.attempt_timeout = milliseconds(300);
  FaultProxy proxy(cluster_->endpoint(0));
  auto store = Open({proxy.endpoint(), cluster_->endpoint(1)});
  auto direct = Open({cluster_->endpoint(2)});
  const int64_t first = Put(*store, "a", "old");
  for (const bool cut : {false, true}) {
    const int64_t before = (*direct->Get("a"))->mod_revision;
    // The endpoint that the store prefers changes with each failure.
    auto fresh = Open({proxy.endpoint(), cluster_->endpoint(1)});
    Put(*fresh, "warm", "");
    proxy.Set(Mode::kSwallowAnswers);
    std::thread cutter;
    if (cut) {
      cutter = std::thread([&] {
        while ((*direct->Get("a"))->mod_revision == before) {
        }
        proxy.CutAll();
      });
    }
    const auto result = fresh->Txn({{"a", before}}, {Op::Put("a", "new")});
    if (cutter.joinable()) cutter.join();
    proxy.Set(Mode::kPass);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->committed);
    EXPECT_EQ((*direct->Get("a"))->mod_revision, result->revision);
    EXPECT_GT(result->revision, first);
  }
}

// The write was lost on its way and another endpoint told that it never came;
// then it does come.
TEST_F(EtcdFaults, AWriteThatComesLateIsNotDone) {
  options_.attempt_timeout = milliseconds(300);
  FaultProxy proxy(cluster_->endpoint(0));
  auto store = Open({proxy.endpoint(), cluster_->endpoint(1)});
  Put(*store, "a", "old");
  proxy.Set(Mode::kHoldRequests);
  const int64_t late = Put(*store, "a", "late");
  EXPECT_EQ(Value(*store, "a"), "late");
  EXPECT_EQ((*store->Get("a"))->mod_revision, late);
  const int64_t newer = Put(*store, "a", "newer");
  proxy.ReleaseHeld();
  EXPECT_EQ(Value(*store, "a"), "newer");
  EXPECT_EQ((*store->Get("a"))->mod_revision, newer);
}

// Nobody can be asked what became of a write: it is told as unknown, and
// decided before anything is read.
TEST_F(EtcdFaults, AnUnknownWriteIsOverBeforeTheNextReading) {
  options_.attempt_timeout = milliseconds(200);
  options_.call_timeout = milliseconds(600);
  FaultProxy proxy(cluster_->endpoint(0));
  auto store = Open({proxy.endpoint()});
  auto direct = Open({cluster_->endpoint(1)});
  Put(*store, "a", "old");
  proxy.Set(Mode::kHoldRequests);
  const absl::Status unknown = store->Txn({}, {Op::Put("a", "new")}).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(unknown.message()).find("may have been done"),
            std::string::npos)
      << unknown;
  EXPECT_FALSE(store->Get("a").ok());
  EXPECT_EQ(Value(*direct, "a"), "old");
  // The held write and the question come together, in any order.
  proxy.ReleaseHeld();
  std::string seen = Value(*store, "a");
  for (int i = 0; i < 100 && seen != "old" && seen != "new"; ++i)
    seen = Value(*store, "a");
  ASSERT_TRUE(seen == "old" || seen == "new") << seen;
  for (int i = 0; i < 20; ++i) ASSERT_EQ(Value(*direct, "a"), seen);
  EXPECT_GT(Put(*store, "a", "again"), 0);
}

TEST_F(EtcdFaults, ASlowClusterIsWaitedFor) {
  options_.attempt_timeout = milliseconds(200);
  FaultProxy proxy(cluster_->endpoint(0));
  auto store = Open({proxy.endpoint()});
  Put(*store, "a", "old");
  proxy.SetDelay(milliseconds(350));
  const auto result = store->Txn({}, {Op::Put("a", "new")});
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Value(*store, "a"), "new");
  EXPECT_EQ((*store->Get("a"))->mod_revision, result->revision);
}

// --- large values

class EtcdPieces : public EtcdFaults {
 protected:
  void SetUp() override {
    EtcdFaults::SetUp();
    if (cluster_ == nullptr) return;
    channel_ = grpc::CreateChannel(cluster_->endpoint(0),
                                   grpc::InsecureChannelCredentials());
    kv_ = etcdserverpb::KV::NewStub(channel_);
  }
  int64_t CountBelow(const std::string& prefix) {
    etcdserverpb::RangeRequest request;
    request.set_key(options_.prefix + prefix);
    request.set_range_end(PrefixEnd(request.key()));
    request.set_count_only(true);
    etcdserverpb::RangeResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(kv_->Range(&context, request, &response).ok());
    return response.count();
  }
  bool WaitForCount(const std::string& prefix, int64_t count) {
    const auto until = steady_clock::now() + seconds(30);
    while (CountBelow(prefix) != count && steady_clock::now() < until)
      std::this_thread::sleep_for(milliseconds(5));
    return CountBelow(prefix) == count;
  }
  void PutRaw(const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(options_.prefix + key);
    request.set_value(value);
    etcdserverpb::PutResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(kv_->Put(&context, request, &response).ok());
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<etcdserverpb::KV::Stub> kv_;
};

TEST_F(EtcdPieces, PiecesGoWithTheirValue) {
  auto store = Open();
  const std::string large(kMaxValueBytes, 'x');
  Put(*store, "a", large);
  EXPECT_EQ(CountBelow("c/"), 4);
  Put(*store, "a", large.substr(1));
  EXPECT_TRUE(WaitForCount("c/", 4));
  Put(*store, "b", std::string(kInlineBytes + 1, 'y'));
  EXPECT_EQ(CountBelow("c/"), 5);
  ASSERT_TRUE(store->Txn({}, {Op::DeletePrefix("a")}).ok());
  EXPECT_TRUE(WaitForCount("c/", 1));
  Put(*store, "b", "small");
  EXPECT_TRUE(WaitForCount("c/", 0));
  // A transaction that is not done leaves nothing.
  EXPECT_FALSE(store->Txn({{"a", 7}}, {Op::Put("a", large)})->committed);
  EXPECT_TRUE(WaitForCount("c/", 0));
  store.reset();
  EXPECT_EQ(CountBelow("w/"), 0);
}

TEST_F(EtcdPieces, ManyMiddlingValuesFitTogether) {
  auto store = Open();
  std::vector<Op> ops;
  for (int i = 0; i < 12; ++i) {
    ops.push_back(Op::Put(absl::StrCat("k", i),
                          std::string(kInlineBytes - 1, char('a' + i))));
  }
  ASSERT_TRUE(store->Txn({}, ops)->committed);
  for (const Op& op : ops) EXPECT_TRUE(Value(*store, op.key) == op.value);
}

TEST_F(EtcdPieces, WhatADeadWriterLeftIsSwept) {
  auto store = Open();
  const std::string large(kInlineBytes + 1, 'x');
  Put(*store, "kept", large);
  const std::string zero(1, '\0');
  PutRaw("c/dead/1/lost" + zero + "0000", "x");
  PutRaw("c/dead/2/kept" + zero + "0000", "x");
  PutRaw("c/alive/1/coming" + zero + "0000", "x");
  PutRaw("w/alive", "");
  // One whose writer is dead, but which its entry names.
  auto other = Open();
  Put(*other, "named", large);
  other.reset();
  ASSERT_GE(CountBelow("c/"), 3);
  Options options = options_;
  options.endpoints = {cluster_->endpoint(0)};
  auto client = Client::Make(options);
  ASSERT_TRUE(client.ok());
  const Layout layout(options.prefix);
  Janitor janitor(client->get(), &layout);
  EXPECT_TRUE(janitor.Sweep().ok());
  EXPECT_EQ(CountBelow("c/"), 3);
  EXPECT_EQ(CountBelow("c/alive/"), 1);
  EXPECT_TRUE(Value(*store, "kept") == large);
  EXPECT_TRUE(Value(*store, "named") == large);
}

TEST_F(EtcdPieces, ForeignValuesAreNotTakenForOurs) {
  auto store = Open();
  PutRaw("d/foreign", "{json}");
  const absl::Status status = store->Get("foreign").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(status.message()).find("prefix="), std::string::npos);
}

TEST_F(EtcdFaults, AnOldEtcdIsWarnedOf) {
  std::vector<std::string> warnings;
  options_.log = [&warnings](const std::string& text) {
    warnings.push_back(text);
  };
  Open();
  // What the tests run with is either old, and said to be, or not.
  for (const std::string& warning : warnings) {
    EXPECT_NE(warning.find("3.5.28"), std::string::npos) << warning;
    EXPECT_NE(warning.find("127.0.0.1:"), std::string::npos) << warning;
  }
}

}  // namespace
}  // namespace ithaca::store::etcd
