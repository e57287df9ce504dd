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

#include "daemon/store/memory_store.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store.h"

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
  void SetUp() override { store_ = GetParam().open(MakeFolder()); }

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

  std::unique_ptr<Store> store_;
};

TEST_P(StoreConformance, StartsEmptyAtRevisionZero) {
  EXPECT_FALSE(Get("a").has_value());
  EXPECT_EQ(*store_->Revision(), 0);
  EXPECT_EQ(Keys("", "", 10), "end");
}

TEST_P(StoreConformance, PutsAreReadBackWithTheirRevisions) {
  EXPECT_EQ(Txn({}, {Op::Put("a", "1"), Op::Put("b", "")}).revision, 1);
  EXPECT_EQ(Txn({}, {Op::Put("a", "2")}).revision, 2);
  const auto a = Get("a");
  ASSERT_TRUE(a.has_value());
  EXPECT_EQ(a->value, "2");
  EXPECT_EQ(a->create_revision, 1);
  EXPECT_EQ(a->mod_revision, 2);
  const auto b = Get("b");
  ASSERT_TRUE(b.has_value());
  EXPECT_EQ(b->value, "");
  EXPECT_EQ(b->mod_revision, 1);
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
  Txn({}, {Op::Put("a", "3")});
  EXPECT_EQ(Get("a")->create_revision, 3);
}

TEST_P(StoreConformance, ComparesDecideTheWholeTransaction) {
  Txn({}, {Op::Put("a", "1")});
  TxnResult result =
      Txn({{"a", 1}, {"b", 7}}, {Op::Put("a", "x"), Op::Put("c", "x")});
  EXPECT_FALSE(result.committed);
  EXPECT_EQ(result.revision, 1);
  EXPECT_EQ(Get("a")->value, "1");
  EXPECT_FALSE(Get("c").has_value());
  EXPECT_TRUE(Txn({{"a", 1}, {"b", 0}}, {Op::Put("b", "2")}).committed);
  EXPECT_FALSE(Txn({{"b", 0}}, {Op::Delete("b")}).committed);
  EXPECT_EQ(*store_->Revision(), 2);
}

TEST_P(StoreConformance, ComparesWithoutOperationsTakeNoRevision) {
  Txn({}, {Op::Put("a", "1")});
  EXPECT_TRUE(Txn({{"a", 1}}, {}).committed);
  EXPECT_FALSE(Txn({{"a", 2}}, {}).committed);
  EXPECT_EQ(*store_->Revision(), 1);
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
  EXPECT_EQ(*store_->Revision(), 0);
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
  int64_t revision = 0;
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
      ++revision;
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
    ASSERT_EQ(result.revision, revision);
  }
  auto list = store_->List("k/", "", 100);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->entries.size(), model.size());
  for (const KeyValue& entry : list->entries) {
    EXPECT_EQ(entry.value, model[entry.key].first);
    EXPECT_EQ(entry.mod_revision, model[entry.key].second);
  }
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
  EXPECT_EQ(*store_->Revision(), 1 + kThreads * kSteps);
}

const Backend kBackends[] = {
    {"Memory",
     [](const std::string&) { return std::make_unique<MemoryStore>(); }},
    {"Sqlite", [](const std::string& folder) {
       auto store = OpenSqliteStore({folder + "/store.db", "", 0});
       EXPECT_TRUE(store.ok()) << store.status();
       return std::move(*store);
     }}};

INSTANTIATE_TEST_SUITE_P(Backends, StoreConformance,
                         testing::ValuesIn(kBackends),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ithaca::store
