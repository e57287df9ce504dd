// Work on the user's bytes that a GPU kernel would do, and its CPU time.
//
// Used by the progress thread, which fills and empties staging in a GPU's
// place; the time goes to LiveCounters::copy_cpu_ns, to be reported apart.
// Short ones are not timed: reading the thread's CPU clock would cost more than
// they do. Confined to the progress thread.
#ifndef ITHACA_PLUGIN_DRIVER_GPU_COPY_H_
#define ITHACA_PLUGIN_DRIVER_GPU_COPY_H_

#include <cstddef>
#include <cstdint>

#include "plugin/driver/counters.h"

namespace ithaca::driver {

// A copy within the rank's own memory. Of the longer ones one in eight is timed
// and stands for the others: the reading is a system call.
void CopyAsGpu(LiveCounters* counters, void* to, const void* from,
               size_t bytes);

// Times what happens while it lives, `bytes` of it.
class GpuWorkTimer {
 public:
  GpuWorkTimer(LiveCounters* counters, size_t bytes);
  ~GpuWorkTimer();

  GpuWorkTimer(const GpuWorkTimer&) = delete;
  GpuWorkTimer& operator=(const GpuWorkTimer&) = delete;

 private:
  LiveCounters* const counters_;  // null: too short
  const int64_t start_ns_;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_GPU_COPY_H_
