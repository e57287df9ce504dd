#include "plugin/driver/gpu_copy.h"

#include <time.h>

#include <cstring>

#include "plugin/core/clock.h"

namespace ithaca::driver {
namespace {

constexpr size_t kTimedBytes = 8 << 10;
constexpr uint32_t kTimedPeriod = 8;

int64_t ThreadCpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace

void CopyAsGpu(LiveCounters* counters, void* to, const void* from,
               size_t bytes) {
  if (bytes == 0) return;
  if (bytes < kTimedBytes) {
    memcpy(to, from, bytes);
    return;
  }
  if (counters->copies++ % kTimedPeriod != 0) {
    memcpy(to, from, bytes);
    counters->copy_cpu_ns.Add(static_cast<uint64_t>(
        static_cast<double>(bytes) * counters->copy_ns_per_byte));
    return;
  }
  const int64_t start_ns = ThreadCpuNs();
  memcpy(to, from, bytes);
  const int64_t spent_ns = ThreadCpuNs() - start_ns;
  counters->copy_cpu_ns.Add(spent_ns);
  counters->copy_ns_per_byte =
      static_cast<double>(spent_ns) / static_cast<double>(bytes);
}

GpuWorkTimer::GpuWorkTimer(LiveCounters* counters, size_t bytes)
    : counters_(bytes < kTimedBytes ? nullptr : counters),
      start_ns_(counters_ == nullptr ? 0 : ThreadCpuNs()) {}

GpuWorkTimer::~GpuWorkTimer() {
  if (counters_ == nullptr) return;
  counters_->copy_cpu_ns.Add(ThreadCpuNs() - start_ns_);
}

}  // namespace ithaca::driver
