#include "plugin/perf/reading.h"

#include "plugin/core/clock.h"

namespace ithaca::perf {
namespace {

int64_t ToNs(const timeval& t) {
  return t.tv_sec * kNsPerSecond + t.tv_usec * int64_t{1000};
}

}  // namespace

Reading Reading::Before(const driver::Communicator& comm) {
  Reading r;
  r.counters = comm.counters();
  getrusage(RUSAGE_SELF, &r.usage);
  r.wall_ns = MonotonicClock().NowNs();
  return r;
}

Reading Reading::After(const driver::Communicator& comm) {
  Reading r;
  r.wall_ns = MonotonicClock().NowNs();
  getrusage(RUSAGE_SELF, &r.usage);
  r.counters = comm.counters();
  return r;
}

Sample Difference(const Reading& a, const Reading& b) {
  Sample s;
  s.start_ns = a.wall_ns;
  s.end_ns = b.wall_ns;
  s.user_ns = ToNs(b.usage.ru_utime) - ToNs(a.usage.ru_utime);
  s.system_ns = ToNs(b.usage.ru_stime) - ToNs(a.usage.ru_stime);
  s.copy_ns = b.counters.copy_cpu_ns - a.counters.copy_cpu_ns;
  s.payload_bytes =
      b.counters.payload_bytes_sent - a.counters.payload_bytes_sent;
  s.wire_bytes = b.counters.wire_bytes_sent - a.counters.wire_bytes_sent;
  s.messages = b.counters.messages_sent - a.counters.messages_sent;
  return s;
}

}  // namespace ithaca::perf
