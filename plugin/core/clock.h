// Time for code that must be testable: monotonic nanoseconds, never wall time.
//
// Who waits or measures takes a Clock; tests hand in a FakeClock. Thread-safe.
#ifndef ITHACA_PLUGIN_CORE_CLOCK_H_
#define ITHACA_PLUGIN_CORE_CLOCK_H_

#include <atomic>
#include <cstdint>

namespace ithaca {

inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since an arbitrary start; never goes back.
  virtual int64_t NowNs() const = 0;
};

// CLOCK_MONOTONIC. Lives as long as the process.
const Clock& MonotonicClock();

// Stands still until told otherwise.
class FakeClock : public Clock {
 public:
  int64_t NowNs() const override { return now_ns_.load(); }
  void AdvanceNs(int64_t ns) { now_ns_.fetch_add(ns); }

 private:
  std::atomic<int64_t> now_ns_{kNsPerSecond};
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_CORE_CLOCK_H_
