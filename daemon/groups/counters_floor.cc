#include "daemon/groups/counters_floor.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/groups/record_keys.h"
#include "ithaca/groups/v1/storage.pb.h"

namespace ithaca::groups {
namespace {

absl::StatusOr<v1::StoredCounters> ReadCounters(store::Store* store) {
  const auto entry = store->Get(kCountersKey);
  if (!entry.ok()) return entry.status();
  v1::StoredCounters counters;
  if (entry->has_value() && !counters.ParseFromString((*entry)->value)) {
    return absl::DataLossError(
        absl::StrCat("store record ", kCountersKey,
                     " cannot be parsed; restore another backup"));
  }
  return counters;
}

}  // namespace

absl::Status RaiseCounters(store::Store* restored, store::Store* replaced,
                           int64_t wall_unix_ms) {
  auto counters = ReadCounters(restored);
  if (!counters.ok()) return counters.status();
  const uint64_t begin =
      static_cast<uint64_t>(std::max<int64_t>(wall_unix_ms, 0)) << 20;
  uint64_t epoch = std::max(counters->last_epoch(), begin);
  uint64_t incarnation = std::max(counters->last_incarnation(), begin);
  if (replaced != nullptr) {
    if (const auto other = ReadCounters(replaced); other.ok()) {
      epoch = std::max(epoch, other->last_epoch());
      incarnation = std::max(incarnation, other->last_incarnation());
    }
  }
  counters->set_last_epoch(epoch);
  counters->set_last_incarnation(incarnation);
  return restored
      ->Txn({}, {store::Op::Put(kCountersKey, counters->SerializeAsString())})
      .status();
}

}  // namespace ithaca::groups
