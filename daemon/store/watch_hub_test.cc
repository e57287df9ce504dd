#include "daemon/store/watch_hub.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "daemon/store/memory_store.h"
#include "daemon/store/watch_log_for_test.h"

namespace ithaca::store {
namespace {

using Kind = WatchBatch::Kind;

void Put(Store& store, const std::string& key, const std::string& value) {
  ASSERT_TRUE(store.Txn({}, {Op::Put(key, value)}).ok());
}

// A watcher whose callback is stuck, while history goes, resyncs.
class StuckWatcher {
 public:
  WatchCallback Callback() {
    return [this](const WatchBatch& batch) {
      log_.Callback()(batch);
      if (first_) go_.get_future().wait();
      first_ = false;
    };
  }
  void WaitUntilStuck() {
    ASSERT_TRUE(log_.WaitFor([](const auto& all) { return !all.empty(); }));
  }
  void Free() { go_.set_value(); }
  WatchLog& log() { return log_; }

 private:
  WatchLog log_;
  std::promise<void> go_;
  bool first_ = true;
};

TEST(WatchHub, AWatcherThatFellBehindIsToldTheDifference) {
  MemoryStore store;
  for (const char* key : {"k/stays", "k/changes", "k/goes"})
    Put(store, key, "old");
  StuckWatcher stuck;
  auto watch = store.Watch("k/", 0, stuck.Callback());
  stuck.WaitUntilStuck();
  Put(store, "k/changes", "new");
  ASSERT_TRUE(store.Txn({}, {Op::Delete("k/goes")}).ok());
  Put(store, "k/comes", "new");
  Put(store, "other", "x");
  store.ForgetHistoryForTest();
  stuck.Free();
  ASSERT_TRUE(stuck.log().WaitForRevision(*store.Revision()));
  const WatchBatch resync = stuck.log().batches().at(1);
  EXPECT_EQ(resync.kind, Kind::kResync);
  EXPECT_EQ(resync.revision, 7);
  ASSERT_EQ(resync.events.size(), 3u);
  EXPECT_EQ(resync.events[0].entry.key, "k/changes");
  EXPECT_EQ(resync.events[0].entry.value, "new");
  EXPECT_EQ(resync.events[1].entry.key, "k/comes");
  EXPECT_EQ(resync.events[2].entry.key, "k/goes");
  EXPECT_EQ(resync.events[2].kind, WatchEvent::Kind::kDelete);
  Put(store, "k/goes", "again");
  ASSERT_TRUE(stuck.log().WaitForRevision(8));
  EXPECT_EQ(stuck.log().changes(), "+k/goes@8=again ");
}

TEST(WatchHub, AWatcherOfUnknownStateIsToldEverything) {
  MemoryStore store;
  Put(store, "a", "1");
  Put(store, "b", "2");
  StuckWatcher stuck;
  auto watch = store.Watch("", 1, stuck.Callback());
  stuck.WaitUntilStuck();
  Put(store, "c", "3");
  store.ForgetHistoryForTest();
  stuck.Free();
  ASSERT_TRUE(stuck.log().WaitForRevision(3));
  EXPECT_EQ(stuck.log().batches().at(1).kind, Kind::kSnapshot);
  EXPECT_EQ(stuck.log().state().size(), 3u);
}

TEST(WatchHub, HistoryThatIsGoneBeginsWithASnapshot) {
  MemoryStore store;
  Put(store, "a", "1");
  Put(store, "b", "2");
  store.ForgetHistoryForTest();
  for (const int64_t after : {int64_t{1}, int64_t{99}}) {
    WatchLog log;
    auto watch = store.Watch("", after, log.Callback());
    ASSERT_TRUE(log.WaitFor([](const auto& all) { return !all.empty(); }));
    EXPECT_EQ(log.batches()[0].kind, Kind::kSnapshot) << after;
    EXPECT_EQ(log.batches()[0].revision, 2);
    EXPECT_EQ(log.state().size(), 2u);
  }
}

TEST(WatchHub, WhatIsKeptIsBounded) {
  MemoryStore store;
  for (int i = 0; i < 5000; ++i) Put(store, "a", std::to_string(i));
  WatchLog from_start, from_late;
  auto first = store.Watch("", 1, from_start.Callback());
  auto second = store.Watch("", 4000, from_late.Callback());
  ASSERT_TRUE(from_start.WaitForRevision(5000));
  ASSERT_TRUE(from_late.WaitForRevision(5000));
  EXPECT_EQ(from_start.batches()[0].kind, Kind::kSnapshot);
  EXPECT_EQ(from_late.batches()[0].kind, Kind::kChanges);
  size_t events = 0;
  for (const WatchBatch& batch : from_late.batches())
    events += batch.events.size();
  EXPECT_EQ(events, 1000u);
  EXPECT_EQ(from_late.Violation(), "");
}

TEST(MemoryStore, AnExpiredLeaseIsToldAndTakesItsKeys) {
  MemoryStore store;
  int told = 0;
  auto lease = store.Grant(std::chrono::seconds(2),
                           [&told](const absl::Status&) { ++told; });
  ASSERT_TRUE(lease.ok());
  ASSERT_TRUE(store.Txn({}, {Op::Put("a", "1", (*lease)->id())}).ok());
  store.ExpireLeaseForTest((*lease)->id());
  EXPECT_EQ(told, 1);
  EXPECT_EQ((*lease)->Remaining().count(), 0);
  EXPECT_FALSE(store.Get("a")->has_value());
}

}  // namespace
}  // namespace ithaca::store
