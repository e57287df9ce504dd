// What this process has used and moved up to a moment, and the difference of
// two such moments.
//
// Taken before and after an iteration, by the rank that runs it. Values.
#ifndef ITHACA_PLUGIN_PERF_READING_H_
#define ITHACA_PLUGIN_PERF_READING_H_

#include <sys/resource.h>

#include <cstdint>

#include "plugin/driver/driver.h"
#include "plugin/perf/measurement.h"

namespace ithaca::perf {

struct Reading {
  // Now. Each of the clock and the CPU time is read next to the transfer.
  static Reading Before(const driver::Communicator& comm);
  static Reading After(const driver::Communicator& comm);

  int64_t wall_ns = 0;
  rusage usage = {};
  driver::Counters counters;
};

// What happened from `a` to `b`.
Sample Difference(const Reading& a, const Reading& b);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_READING_H_
