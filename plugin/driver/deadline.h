// A point in time after which waiting is an error.
//
// Used by everything in this folder that waits: rendezvous, connecting, a
// transfer. A value; as thread-safe as the Clock behind it.
#ifndef ITHACA_PLUGIN_DRIVER_DEADLINE_H_
#define ITHACA_PLUGIN_DRIVER_DEADLINE_H_

#include <algorithm>
#include <cstdint>

#include "plugin/core/clock.h"

namespace ithaca::driver {

class Deadline {
 public:
  // `timeout_ms` from now. REQUIRES: `clock` outlives this.
  Deadline(const Clock& clock, int64_t timeout_ms)
      : clock_(&clock), end_ns_(clock.NowNs() + timeout_ms * kNsPerMs) {}

  bool Expired() const { return clock_->NowNs() >= end_ns_; }

  // For poll(2): rounded up, at least 0 and at most `cap_ms`.
  int RemainingMs(int cap_ms = 60'000) const {
    const int64_t left_ns = end_ns_ - clock_->NowNs();
    const int64_t left_ms = (left_ns + kNsPerMs - 1) / kNsPerMs;
    return static_cast<int>(std::clamp<int64_t>(left_ms, 0, cap_ms));
  }

 private:
  const Clock* clock_;
  int64_t end_ns_;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_DEADLINE_H_
