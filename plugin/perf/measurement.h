// What one rank measured of one iteration, what all ranks together say of it,
// and what the iterations of a case amount to.
//
// A case is one size (or one matrix of counts). Values; a sample is encoded as
// JSON because it crosses the rendezvous once per iteration. Decoding checks
// its input.
#ifndef ITHACA_PLUGIN_PERF_MEASUREMENT_H_
#define ITHACA_PLUGIN_PERF_MEASUREMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/stall_meter.h"
#include "plugin/perf/rails.h"

namespace ithaca::perf {

// One rank, one iteration.
struct Sample {
  std::string clock;  // ranks that name the same one have comparable times
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  int64_t user_ns = 0;  // CPU time of the process in between
  int64_t system_ns = 0;
  int64_t copy_ns = 0;         // of it: copies that a GPU would do
  uint64_t payload_bytes = 0;  // sent to other ranks
  uint64_t wire_bytes = 0;
  uint64_t messages = 0;
  uint64_t checked_bytes = 0;  // compared with what they must be
  driver::Stalls stalls;
  std::string network;  // ranks that name the same one see the same interfaces
  std::vector<RailBytes> rails;

  std::string Encode() const;
  static StatusOr<Sample> Decode(const std::string& text);
};

// One interface of one network namespace.
struct RailTraffic {
  std::vector<int> ranks;  // that share it
  RailBytes moved;
};

// All ranks, one iteration. Sums but for the times.
struct Iteration {
  bool measured = true;  // false: a warm-up
  // From the first rank's start to the last rank's end. Ranks whose clocks
  // cannot be compared are taken to have left the barrier at the same moment.
  int64_t wall_ns = 0;
  std::vector<int64_t> rank_ns;  // each rank's own time
  int64_t cpu_ns = 0;
  int64_t system_ns = 0;
  int64_t copy_ns = 0;
  uint64_t payload_bytes = 0;
  uint64_t wire_bytes = 0;
  uint64_t messages = 0;
  uint64_t checked_bytes = 0;
  driver::Stalls stalls;  // of the rank that stood still longest
  int stalled_rank = 0;   // that one
  std::vector<RailTraffic> rails;
};

// REQUIRES: at least one rank.
Iteration Combine(const std::vector<Sample>& ranks, bool measured);

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
// REQUIRES: at least one value.
Spread SpreadOf(std::vector<double> values);

struct Summary {
  int ranks = 0;
  int iterations = 0;  // measured ones
  Spread slowest_ns;   // the slowest rank's time, over the iterations
  Spread wall_ns;
  // Bytes of one iteration to other ranks, over ranks and median time.
  double gigabytes_per_second = 0;
  // Per 10^9 bytes to other ranks; 0 when there are none.
  double cpu_seconds_per_gigabyte = 0;
  double system_seconds_per_gigabyte = 0;
  double copy_seconds_per_gigabyte = 0;
  uint64_t payload_bytes = 0;  // all ranks, all measured iterations
  uint64_t wire_bytes = 0;
  uint64_t messages = 0;
  uint64_t checked_bytes = 0;  // warm-ups included
  // The longest of any rank and iteration; sum and number over the iterations
  // of the rank that stood still longest in each.
  driver::Stalls stalls;
  std::vector<RailTraffic> rails;  // all measured iterations
  double wall_sum_ns = 0;          // of all measured iterations
};

// 10^6 bits per second. REQUIRES: ns > 0.
inline double MegabitsPerSecond(uint64_t bytes, double ns) {
  return static_cast<double>(bytes) * 8e3 / ns;
}

// `trips`: how many of what is timed an iteration holds, in sequence; times are
// divided by it. REQUIRES: at least one measured iteration, all of equally many
// ranks.
Summary Summarize(const std::vector<Iteration>& iterations, int trips);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_MEASUREMENT_H_
