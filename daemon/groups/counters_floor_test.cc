#include "daemon/groups/counters_floor.h"

#include <gtest/gtest.h>

#include "daemon/groups/record_keys.h"
#include "daemon/store/memory_store.h"
#include "ithaca/groups/v1/storage.pb.h"

namespace ithaca::groups {
namespace {

void Write(store::Store& store, uint64_t epoch, uint64_t incarnation) {
  v1::StoredCounters counters;
  counters.set_last_epoch(epoch);
  counters.set_last_incarnation(incarnation);
  ASSERT_TRUE(
      store
          .Txn({}, {store::Op::Put(kCountersKey, counters.SerializeAsString())})
          .ok());
}

v1::StoredCounters Read(store::Store& store) {
  v1::StoredCounters counters;
  EXPECT_TRUE(counters.ParseFromString((*store.Get(kCountersKey))->value));
  return counters;
}

TEST(RaiseCounters, TakesTheLargestOfAll) {
  constexpr int64_t kNow = 1'800'000'000'000;
  constexpr uint64_t kBegin = uint64_t{kNow} << 20;
  struct Case {
    uint64_t restored, replaced, want;
  };
  for (const Case& c : {Case{3, 9, kBegin}, Case{kBegin + 5, 9, kBegin + 5},
                        Case{3, kBegin + 7, kBegin + 7}}) {
    store::MemoryStore restored, replaced;
    Write(restored, c.restored, c.restored);
    Write(replaced, c.replaced, c.replaced);
    ASSERT_TRUE(RaiseCounters(&restored, &replaced, kNow).ok());
    EXPECT_EQ(Read(restored).last_epoch(), c.want);
    EXPECT_EQ(Read(restored).last_incarnation(), c.want);
    EXPECT_EQ(Read(replaced).last_epoch(), c.replaced);
  }
}

TEST(RaiseCounters, NeedsNoOldStore) {
  store::MemoryStore restored, unreadable;
  ASSERT_TRUE(RaiseCounters(&restored, nullptr, 1).ok());
  EXPECT_EQ(Read(restored).last_epoch(), uint64_t{1} << 20);
  ASSERT_TRUE(
      unreadable.Txn({}, {store::Op::Put(kCountersKey, "\xff\xff")}).ok());
  EXPECT_TRUE(RaiseCounters(&restored, &unreadable, 2).ok());
  EXPECT_EQ(Read(restored).last_epoch(), uint64_t{2} << 20);
  EXPECT_EQ(RaiseCounters(&unreadable, nullptr, 2).code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace ithaca::groups
