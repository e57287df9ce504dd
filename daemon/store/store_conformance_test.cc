// What every backend must do. A backend is added by one line at the end.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "daemon/store/memory_store.h"
#include "daemon/store/open_store.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store.h"
#include "daemon/store/watch_log_for_test.h"

namespace ithaca::store {
namespace {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Store>(const std::string& folder)> open;
};

std::string MakeFolder() {
  std::string folder = testing::TempDir() + "/store.XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  return folder;
}

class StoreConformance : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    const std::string why = etcd::EtcdCluster::WhyNot();
    if (GetParam().name == "Etcd" && !why.empty()) GTEST_SKIP() << why;
    store_ = GetParam().open(MakeFolder());
    ASSERT_NE(store_, nullptr);
  }

  std::optional<KeyValue> Get(const std::string& key) {
    auto got = store_->Get(key);
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? *got : std::nullopt;
  }
  TxnResult Txn(const std::vector<Compare>& compares,
                const std::vector<Op>& ops) {
    auto result = store_->Txn(compares, ops);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : TxnResult{};
  }
  std::string Keys(const std::string& prefix, const std::string& after,
                   size_t limit) {
    auto list = store_->List(prefix, after, limit);
    EXPECT_TRUE(list.ok()) << list.status();
    if (!list.ok()) return "error";
    std::string keys;
    for (const KeyValue& entry : list->entries) keys += entry.key + " ";
    return keys + (list->more ? "more" : "end");
  }
  absl::StatusCode TxnCode(const std::vector<Compare>& compares,
                           const std::vector<Op>& ops) {
    return store_->Txn(compares, ops).status().code();
  }

  int64_t Put(const std::string& key, const std::string& value,
              int64_t lease = 0) {
    return Txn({}, {Op::Put(key, value, lease)}).revision;
  }
  std::unique_ptr<WatchHandle> Watch(const std::string& prefix, int64_t after,
                                     WatchLog* log) {
    auto watch = store_->Watch(prefix, after, log->Callback());
    EXPECT_TRUE(watch.ok()) << watch.status();
    return watch.ok() ? std::move(*watch) : nullptr;
  }
  std::unique_ptr<Lease> Grant(int seconds, LeaseLost lost = nullptr) {
    auto lease = store_->Grant(std::chrono::seconds(seconds), std::move(lost));
    EXPECT_TRUE(lease.ok()) << lease.status();
    return lease.ok() ? std::move(*lease) : nullptr;
  }

  std::unique_ptr<Store> store_;
};

TEST_P(StoreConformance, StartsEmpty) {
  EXPECT_FALSE(Get("a").has_value());
  EXPECT_GE(*store_->Revision(), 0);
  EXPECT_EQ(Keys("", "", 10), "end");
}

TEST_P(StoreConformance, PutsAreReadBackWithTheirRevisions) {
  const int64_t start = *store_->Revision();
  const int64_t first = Txn({}, {Op::Put("a", "1"), Op::Put("b", "")}).revision;
  EXPECT_GT(first, start);
  const int64_t second = Put("a", "2");
  EXPECT_GT(second, first);
  EXPECT_GE(*store_->Revision(), second);
  const auto a = Get("a");
  ASSERT_TRUE(a.has_value());
  EXPECT_EQ(a->value, "2");
  EXPECT_EQ(a->create_revision, first);
  EXPECT_EQ(a->mod_revision, second);
  const auto b = Get("b");
  ASSERT_TRUE(b.has_value());
  EXPECT_EQ(b->value, "");
  EXPECT_EQ(b->mod_revision, first);
}

TEST_P(StoreConformance, BytesAreBytes) {
  std::string key("k\0\xff\x01", 4);
  std::string value;
  for (int i = 0; i < 256; ++i) value += static_cast<char>(i);
  Txn({}, {Op::Put(key, value), Op::Put("k", "short")});
  ASSERT_TRUE(Get(key).has_value());
  EXPECT_EQ(Get(key)->value, value);
  EXPECT_EQ(Get("k")->value, "short");
}

TEST_P(StoreConformance, ADeletedKeyIsBornAnew) {
  Txn({}, {Op::Put("a", "1")});
  EXPECT_TRUE(Txn({}, {Op::Delete("a"), Op::Delete("never")}).committed);
  EXPECT_FALSE(Get("a").has_value());
  const int64_t again = Put("a", "3");
  EXPECT_EQ(Get("a")->create_revision, again);
}

TEST_P(StoreConformance, ComparesDecideTheWholeTransaction) {
  const int64_t a = Put("a", "1");
  TxnResult result =
      Txn({{"a", a}, {"b", 7}}, {Op::Put("a", "x"), Op::Put("c", "x")});
  EXPECT_FALSE(result.committed);
  EXPECT_GE(result.revision, a);
  EXPECT_EQ(Get("a")->mod_revision, a);
  EXPECT_EQ(Get("a")->value, "1");
  EXPECT_FALSE(Get("c").has_value());
  EXPECT_TRUE(Txn({{"a", a}, {"b", 0}}, {Op::Put("b", "2")}).committed);
  EXPECT_FALSE(Txn({{"b", 0}}, {Op::Delete("b")}).committed);
  EXPECT_TRUE(Get("b").has_value());
}

TEST_P(StoreConformance, ComparesWithoutOperationsTakeNoRevision) {
  const int64_t a = Put("a", "1");
  const int64_t before = *store_->Revision();
  EXPECT_TRUE(Txn({{"a", a}}, {}).committed);
  EXPECT_FALSE(Txn({{"a", a + 1}}, {}).committed);
  EXPECT_EQ(*store_->Revision(), before);
}

TEST_P(StoreConformance, ListsByPrefixInByteOrderPageByPage) {
  std::vector<Op> ops;
  for (const char* key :
       {"g/b", "g/a", "g/", "g", "h", "g/a/1", "f\xff", "g/\xff"}) {
    ops.push_back(Op::Put(key, "v"));
  }
  Txn({}, ops);
  EXPECT_EQ(Keys("g/", "", 10), "g/ g/a g/a/1 g/b g/\xff end");
  EXPECT_EQ(Keys("g/", "", 2), "g/ g/a more");
  EXPECT_EQ(Keys("g/", "g/a", 2), "g/a/1 g/b more");
  EXPECT_EQ(Keys("g/", "g/b", 2), "g/\xff end");
  EXPECT_EQ(Keys("g/", "g/", 9), "g/a g/a/1 g/b g/\xff end");
  EXPECT_EQ(Keys("g/", "z", 9), "end");
  EXPECT_EQ(Keys("g/", "a", 1), "g/ more");
  EXPECT_EQ(Keys("f\xff", "", 5), "f\xff end");
  EXPECT_EQ(Keys("", "g/\xff", 5), "h end");
  EXPECT_EQ(store_->List("g", "", 0).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(StoreConformance, DeletesAPrefixAndNothingElse) {
  Txn({}, {Op::Put("a/1", ""), Op::Put("a/2", ""), Op::Put("a", ""),
           Op::Put("b", ""), Op::Put("\xff\xff", ""), Op::Put("\xff", "")});
  Txn({}, {Op::DeletePrefix("a/"), Op::Put("c", "")});
  EXPECT_EQ(Keys("", "", 10), "a b c \xff \xff\xff end");
  Txn({}, {Op::DeletePrefix("\xff")});
  EXPECT_EQ(Keys("", "", 10), "a b c end");
}

TEST_P(StoreConformance, BoundsAreErrorsAndChangeNothing) {
  const auto kBad = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(TxnCode({}, {Op::Put("", "v")}), kBad);
  EXPECT_EQ(TxnCode({}, {Op::Put(std::string(kMaxKeyBytes + 1, 'k'), "v")}),
            kBad);
  EXPECT_EQ(TxnCode({}, {Op::Put("k", std::string(kMaxValueBytes + 1, 'v'))}),
            kBad);
  EXPECT_EQ(TxnCode({}, {Op::DeletePrefix("")}), kBad);
  EXPECT_EQ(TxnCode({{"", 0}}, {Op::Put("k", "v")}), kBad);
  EXPECT_EQ(TxnCode({}, {Op::Put("k", "1"), Op::Put("k", "2")}), kBad);
  EXPECT_EQ(TxnCode({}, {Op::Put("k", "1"), Op::Delete("k")}), kBad);
  EXPECT_EQ(TxnCode({}, {Op::DeletePrefix("k"), Op::Put("k/1", "2")}), kBad);
  EXPECT_EQ(TxnCode({}, {Op::DeletePrefix("k"), Op::DeletePrefix("k/")}), kBad);
  EXPECT_EQ(TxnCode({}, std::vector<Op>(kMaxTxnOps + 1, Op::Delete("k"))),
            kBad);
  EXPECT_EQ(store_->Get("").status().code(), kBad);
  EXPECT_EQ(Keys("", "", 10), "end");
}

TEST_P(StoreConformance, TheLargestOfEverythingFits) {
  std::vector<Op> ops;
  for (size_t i = 0; i < kMaxTxnOps - 1; ++i)
    ops.push_back(Op::Put(std::to_string(i), "v"));
  ops.push_back(Op::Put(std::string(kMaxKeyBytes, 'k'),
                        std::string(kMaxValueBytes, 'v')));
  EXPECT_TRUE(Txn({}, ops).committed);
  EXPECT_EQ(Get(std::string(kMaxKeyBytes, 'k'))->value,
            std::string(kMaxValueBytes, 'v'));
}

// Random transactions against a map.
TEST_P(StoreConformance, AgreesWithAModel) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::map<std::string, std::pair<std::string, int64_t>> model;
  int64_t revision = *store_->Revision();
  WatchLog log;
  auto watch = Watch("k/", 0, &log);
  for (int step = 0; step < 300; ++step) {
    const std::string key = "k/" + std::to_string(random() % 12);
    const int64_t known = model.count(key) != 0 ? model[key].second : 0;
    const bool right = random() % 3 != 0;
    const std::vector<Compare> compares = {{key, right ? known : known + 1}};
    Op op = Op::Put(key, "v" + std::to_string(step));
    if (random() % 4 == 0) op = Op::Delete(key);
    if (random() % 16 == 0) op = Op::DeletePrefix("k/1");
    const TxnResult result = Txn(compares, {op});
    ASSERT_EQ(result.committed, right);
    if (right) {
      ASSERT_GT(result.revision, revision);
      revision = result.revision;
      if (op.kind == Op::Kind::kPut) {
        model[key] = {op.value, revision};
      } else {
        const std::string prefix = op.key;
        for (auto it = model.begin(); it != model.end();) {
          const bool hit = op.kind == Op::Kind::kDelete
                               ? it->first == prefix
                               : it->first.rfind(prefix, 0) == 0;
          it = hit ? model.erase(it) : std::next(it);
        }
      }
    }
    ASSERT_GE(result.revision, revision);
  }
  auto list = store_->List("k/", "", 100);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->entries.size(), model.size());
  for (const KeyValue& entry : list->entries) {
    EXPECT_EQ(entry.value, model[entry.key].first);
    EXPECT_EQ(entry.mod_revision, model[entry.key].second);
  }
  // The watcher believes the same, once told of a change after all these.
  ASSERT_TRUE(log.WaitForRevision(Put("k/", "end")));
  auto state = log.state();
  state.erase("k/");
  ASSERT_EQ(state.size(), model.size());
  for (const auto& [key, entry] : state) {
    EXPECT_EQ(entry.value, model[key].first);
    EXPECT_EQ(entry.mod_revision, model[key].second);
  }
  EXPECT_EQ(log.Violation(), "");
}

// A counter that threads raise by compare and swap loses no step.
TEST_P(StoreConformance, CompareAndSwapIsAtomic) {
  Txn({}, {Op::Put("n", "0")});
  constexpr int kThreads = 4, kSteps = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int done = 0; done < kSteps;) {
        const auto now = Get("n");
        const std::string next = std::to_string(std::stoi(now->value) + 1);
        done += Txn({{"n", now->mod_revision}}, {Op::Put("n", next)}).committed
                    ? 1
                    : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("n")->value, std::to_string(kThreads * kSteps));
}

// --- watches

using Kind = WatchBatch::Kind;

bool Begun(const std::vector<WatchBatch>& batches) { return !batches.empty(); }

TEST_P(StoreConformance, AWatchBeginsWithWhatIsThereAndGoesOn) {
  const int64_t a = Put("w/a", "1");
  Put("other", "x");
  WatchLog log;
  auto watch = Watch("w/", 0, &log);
  ASSERT_TRUE(log.WaitFor(Begun));
  const WatchBatch first = log.batches()[0];
  EXPECT_EQ(first.kind, Kind::kSnapshot);
  EXPECT_GE(first.revision, a);
  ASSERT_EQ(first.events.size(), 1u);
  EXPECT_EQ(first.events[0].entry.value, "1");
  EXPECT_EQ(first.events[0].entry.mod_revision, a);
  const int64_t b =
      Txn({}, {Op::Put("w/b", "2"), Op::Put("other", "y"), Op::Delete("w/a")})
          .revision;
  const int64_t c = Txn({}, {Op::Put("w", "no"), Op::Put("w/c", "3")}).revision;
  ASSERT_TRUE(log.WaitForRevision(c));
  const std::string at_b = "@" + std::to_string(b);
  EXPECT_EQ(log.changes(), "+w/b" + at_b + "=2 -w/a" + at_b + " +w/c@" +
                               std::to_string(c) + "=3 ");
  EXPECT_EQ(log.Violation(), "");
}

TEST_P(StoreConformance, AnEmptyPrefixIsWatchedFromNothing) {
  WatchLog log;
  auto watch = Watch("w/", 0, &log);
  ASSERT_TRUE(log.WaitFor(Begun));
  EXPECT_EQ(log.batches()[0].kind, Kind::kSnapshot);
  EXPECT_TRUE(log.batches()[0].events.empty());
  ASSERT_TRUE(log.WaitForRevision(Put("w/a", "1")));
  EXPECT_EQ(log.state().size(), 1u);
}

TEST_P(StoreConformance, AWatchGoesOnFromARevision) {
  const int64_t a = Put("w/a", "1");
  const int64_t b = Put("w/b", "2");
  std::string told;
  int64_t at = a;
  for (int round = 0; round < 3; ++round) {
    WatchLog log;
    auto watch = Watch("w/", at, &log);
    ASSERT_TRUE(log.WaitFor(Begun));
    EXPECT_EQ(log.batches()[0].kind, Kind::kChanges);
    ASSERT_TRUE(log.WaitForRevision(round == 0 ? b : Put("w/c", "3")));
    told += log.changes();
    at = log.batches().back().revision;
    watch.reset();
    Put("w/d", "between");
  }
  std::vector<std::string> order;
  for (size_t i = 0; i < told.size(); i = told.find(' ', i) + 1)
    order.push_back(told.substr(i, told.find('@', i) - i));
  EXPECT_EQ(order,
            (std::vector<std::string>{"+w/b", "+w/d", "+w/c", "+w/d", "+w/c"}));
}

TEST_P(StoreConformance, DeletionsAreToldOnlyForWhatWasThere) {
  Txn({}, {Op::Put("w/1", ""), Op::Put("w/2", ""), Op::Put("w", "")});
  WatchLog log;
  auto watch = Watch("", *store_->Revision(), &log);
  const int64_t gone =
      Txn({}, {Op::DeletePrefix("w/"), Op::Delete("never")}).revision;
  ASSERT_TRUE(log.WaitForRevision(gone));
  const std::string at = "@" + std::to_string(gone) + " ";
  EXPECT_EQ(log.changes(), "-w/1" + at + "-w/2" + at);
}

TEST_P(StoreConformance, EveryWatcherIsToldEverythingInOrder) {
  constexpr int kWatchers = 3, kWriters = 2, kSteps = 60;
  std::vector<WatchLog> logs(kWatchers);
  std::vector<std::unique_ptr<WatchHandle>> watches;
  const int64_t start = Put("w/start", "");
  for (WatchLog& log : logs) watches.push_back(Watch("w/", start, &log));
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w] {
      for (int i = 0; i < kSteps; ++i) {
        Txn({}, {Op::Put("w/" + std::to_string(w), std::to_string(i)),
                 Op::Put("w/both", std::to_string(i))});
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const int64_t end = Put("w/end", "");
  for (WatchLog& log : logs) {
    ASSERT_TRUE(log.WaitForRevision(end));
    EXPECT_EQ(log.Violation(), "");
    EXPECT_EQ(log.changes(), logs[0].changes());
  }
  size_t events = 0;
  for (const WatchBatch& batch : logs[0].batches())
    events += batch.events.size();
  EXPECT_EQ(events, size_t{2} * kWriters * kSteps + 1);
}

TEST_P(StoreConformance, ACallbackMayUseTheStore) {
  WatchLog log;
  auto watch = store_->Watch("w/", 0, [&](const WatchBatch& batch) {
    for (const WatchEvent& event : batch.events)
      Put("copy/" + event.entry.key, event.entry.value);
    log.Callback()(batch);
  });
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(log.WaitForRevision(Put("w/a", "1")));
  EXPECT_EQ(Get("copy/w/a")->value, "1");
}

TEST_P(StoreConformance, AWatchThatIsGoneTellsNothing) {
  WatchLog log;
  auto watch = Watch("", 0, &log);
  ASSERT_TRUE(log.WaitFor(Begun));
  watch.reset();
  const size_t told = log.batches().size();
  WatchLog later;
  watch = Watch("", 0, &later);
  ASSERT_TRUE(later.WaitForRevision(Put("a", "1")));
  EXPECT_EQ(log.batches().size(), told);
}

TEST_P(StoreConformance, AWatcherIsToldLargeValuesWhole) {
  const std::string old_value(kMaxValueBytes, 'o');
  const std::string new_value(kMaxValueBytes - 1, 'n');
  Put("w/a", old_value);
  WatchLog log;
  auto watch = Watch("w/", 0, &log);
  ASSERT_TRUE(log.WaitFor(Begun));
  EXPECT_TRUE(log.state()["w/a"].value == old_value);
  ASSERT_TRUE(log.WaitForRevision(Put("w/a", new_value)));
  EXPECT_TRUE(log.state()["w/a"].value == new_value);
}

// --- leases

TEST_P(StoreConformance, KeysGoWithTheirLease) {
  auto lease = Grant(30);
  EXPECT_NE(lease->id(), 0);
  EXPECT_GT(lease->Remaining().count(), 0);
  EXPECT_LE(lease->Remaining().count(), 30'000);
  Txn({}, {Op::Put("l/a", "1", lease->id()), Op::Put("l/b", "2", lease->id()),
           Op::Put("l/c", "3")});
  EXPECT_EQ(Get("l/a")->lease, lease->id());
  EXPECT_EQ(Get("l/c")->lease, 0);
  // A put without a lease frees the key of it.
  Put("l/b", "4");
  WatchLog log;
  auto watch = Watch("l/", *store_->Revision(), &log);
  EXPECT_TRUE(lease->Revoke().ok());
  EXPECT_EQ(lease->Remaining().count(), 0);
  EXPECT_EQ(Keys("l/", "", 9), "l/b l/c end");
  ASSERT_TRUE(log.WaitForRevision(Get("l/b")->mod_revision + 1));
  EXPECT_EQ(log.changes().substr(0, 5), "-l/a@");
  EXPECT_TRUE(lease->Revoke().ok());
}

TEST_P(StoreConformance, ALeaseThatIsGoneTakesItsKeysAndIsNotLost) {
  bool lost = false;
  auto lease = Grant(2, [&lost](const absl::Status&) { lost = true; });
  auto other = Grant(2);
  EXPECT_NE(lease->id(), other->id());
  Put("l/a", "1", lease->id());
  Put("l/b", "1", other->id());
  lease.reset();
  EXPECT_EQ(Keys("l/", "", 9), "l/b end");
  EXPECT_FALSE(lost);
}

TEST_P(StoreConformance, ALeaseThatIsNotThereIsRefusedAndNothingChanges) {
  auto lease = Grant(30);
  const int64_t gone = lease->id();
  lease.reset();
  Put("a", "old");
  for (const int64_t id : {gone, int64_t{987654321}}) {
    EXPECT_EQ(TxnCode({}, {Op::Put("a", "new"), Op::Put("b", "new", id)}),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Get("a")->value, "old");
  EXPECT_FALSE(Get("b").has_value());
}

TEST_P(StoreConformance, ALeasesTimeHasBounds) {
  for (const int seconds : {-1, 0, 100'000}) {
    EXPECT_EQ(
        store_->Grant(std::chrono::seconds(seconds), nullptr).status().code(),
        absl::StatusCode::kInvalidArgument);
  }
}

// --- backends

// One member for all tests; each has a prefix of its own.
etcd::EtcdCluster* SharedEtcd() {
  static const std::unique_ptr<etcd::EtcdCluster> cluster =
      []() -> std::unique_ptr<etcd::EtcdCluster> {
    etcd::EtcdCluster::Options options;
    options.members.resize(1);
    auto started = etcd::EtcdCluster::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? std::move(*started) : nullptr;
  }();
  return cluster.get();
}

std::unique_ptr<Store> OpenEtcd(const std::string& folder) {
  if (SharedEtcd() == nullptr) return nullptr;
  auto store = OpenStore(
      "etcd:" + SharedEtcd()->endpoints() + ",prefix=" + folder, nullptr);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? std::move(*store) : nullptr;
}

const Backend kBackends[] = {
    {"Memory",
     [](const std::string&) { return std::make_unique<MemoryStore>(); }},
    {"Sqlite",
     [](const std::string& folder) {
       auto store = OpenSqliteStore({folder + "/store.db", "", 0});
       EXPECT_TRUE(store.ok()) << store.status();
       return std::move(*store);
     }},
    {"Etcd", OpenEtcd}};

INSTANTIATE_TEST_SUITE_P(Backends, StoreConformance,
                         testing::ValuesIn(kBackends),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ithaca::store
