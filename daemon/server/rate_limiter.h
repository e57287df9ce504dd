// How often each identity may call: token buckets, one per class of cost.
//
// A bucket fills at its class' rate up to ten seconds of it. The table of
// identities is bounded; those that would not fit share one bucket, so that
// many identities can never cost more memory, nor get more in all.
//
// Used by LimitedGate. Threads: any.
#ifndef ITHACA_DAEMON_SERVER_RATE_LIMITER_H_
#define ITHACA_DAEMON_SERVER_RATE_LIMITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/server/method_table.h"

namespace ithaca::server {

// Calls per second and identity, in the long run; 0: without a limit. The
// defaults let a thousand members of one user join a group at once many times
// over, and keep one user from taking all of the daemon's time.
struct RateLimits {
  double cheap = 10'000;
  double planning = 200;
  double stream = 2'000;

  double Of(Cost cost) const;
};

// "cheap=N,planning=N,stream=N", each at most once, on top of the defaults.
// INVALID_ARGUMENT says what is wrong.
absl::StatusOr<RateLimits> ParseRateLimits(const std::string& text);

class RateLimiter {
 public:
  // A bucket holds what comes in so many seconds.
  static constexpr double kBurstSeconds = 10;
  static constexpr size_t kMaxIdentities = 1024;

  explicit RateLimiter(const RateLimits& limits) : limits_(limits) {}

  // Nothing: the call may go on, and was charged. Else how long to wait before
  // the next one can succeed, ms; nothing was charged.
  std::optional<int64_t> Take(const std::string& identity, Cost cost,
                              int64_t now_ms);

  size_t identities() const;

 private:
  struct Bucket {
    double tokens = 0;
    int64_t at_ms = 0;
  };
  using Buckets = std::array<Bucket, kCostClasses>;

  Buckets Full(int64_t now_ms) const;
  Buckets& BucketsOf(const std::string& identity, int64_t now_ms);
  void DropIdle(int64_t now_ms);

  const RateLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, Buckets> table_;  // guarded by mutex_
  std::optional<Buckets> shared_;         // guarded by mutex_
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_RATE_LIMITER_H_
