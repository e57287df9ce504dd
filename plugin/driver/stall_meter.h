// How long something that waits has seen nothing happen.
//
// Used by the progress thread for each operation: told of every poll that moved
// anything, it knows the spans in between. Costs one reading of the clock per
// such poll, none while idle. A value; thread-confined.
#ifndef ITHACA_PLUGIN_DRIVER_STALL_METER_H_
#define ITHACA_PLUGIN_DRIVER_STALL_METER_H_

#include <algorithm>
#include <cstdint>

namespace ithaca::driver {

struct Stalls {
  int64_t longest_ns = 0;  // however short
  int64_t total_ns = 0;    // of all spans that reach the threshold
  int64_t count = 0;       // of them
};

class StallMeter {
 public:
  explicit StallMeter(int64_t threshold_ns) : threshold_ns_(threshold_ns) {}

  // Waiting begins.
  void Start(int64_t now_ns) { last_ns_ = now_ns; }
  // Something moved, or waiting ends.
  void Progress(int64_t now_ns) {
    const int64_t span_ns = now_ns - last_ns_;
    last_ns_ = now_ns;
    stalls_.longest_ns = std::max(stalls_.longest_ns, span_ns);
    if (span_ns < threshold_ns_) return;
    stalls_.total_ns += span_ns;
    ++stalls_.count;
  }
  const Stalls& stalls() const { return stalls_; }

 private:
  int64_t threshold_ns_;
  int64_t last_ns_ = 0;
  Stalls stalls_;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_STALL_METER_H_
