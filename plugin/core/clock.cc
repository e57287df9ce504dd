#include "plugin/core/clock.h"

#include <time.h>

namespace ithaca {
namespace {

class SystemMonotonicClock : public Clock {
 public:
  int64_t NowNs() const override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kNsPerSecond + now.tv_nsec;
  }
};

}  // namespace

const Clock& MonotonicClock() {
  static const SystemMonotonicClock* const clock = new SystemMonotonicClock;
  return *clock;
}

}  // namespace ithaca
