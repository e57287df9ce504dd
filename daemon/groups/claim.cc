#include "daemon/groups/claim.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "daemon/groups/record_keys.h"
#include "daemon/groups/records.h"

namespace ithaca::groups {
namespace {

// Others that read at the same time may have been first.
constexpr int kAttempts = 3;
constexpr int kShift = 20;

}  // namespace

std::string NewClaimName() {
  std::random_device random;
  std::string name;
  for (int i = 0; i < 4; ++i)
    absl::StrAppend(&name, absl::Hex(random(), absl::kZeroPad8));
  return name;
}

absl::StatusOr<int64_t> ClaimStore(store::Store& store,
                                   const ClaimRequest& request) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto stored = ReadCounters(store);
    if (!stored.ok()) return stored.status();
    Counters counters = std::move(stored->counters);
    if (request.again && counters.claim != request.name)
      return absl::AbortedError("another daemon claimed the store");
    const uint64_t floor = static_cast<uint64_t>(request.wall_unix_ms)
                           << kShift;
    counters.last_epoch = std::max(counters.last_epoch, floor);
    counters.last_incarnation = std::max(counters.last_incarnation, floor);
    counters.claim = request.name;
    std::vector<store::Compare> compares = request.holds;
    compares.push_back({kCountersKey, stored->revision});
    const auto written = store.Txn(compares, {EncodeCounters(counters)});
    if (!written.ok()) return written.status();
    if (written->committed) return written->revision;
  }
  return absl::AbortedError(
      request.holds.empty()
          ? "other daemons claim the store again and again"
          : "this daemon is no longer named as the coordinator");
}

}  // namespace ithaca::groups
