// What one rank measured of one case, and what all ranks together say.
//
// A case is one size (or one matrix of counts). Values; the encoding is JSON
// because it crosses the rendezvous once per case. Decoding checks its input.
#ifndef ITHACA_PLUGIN_PERF_MEASUREMENT_H_
#define ITHACA_PLUGIN_PERF_MEASUREMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::perf {

struct Measurement {
  std::vector<int64_t> wall_ns;  // one per measured iteration
  int64_t user_ns = 0;           // CPU time during all measured iterations
  int64_t system_ns = 0;
  int64_t copy_ns = 0;         // of it: copies that a GPU would do
  uint64_t payload_bytes = 0;  // sent to other ranks, all iterations
  uint64_t wire_bytes = 0;
  uint64_t messages = 0;
  uint64_t checked_bytes = 0;  // compared with what they must be

  std::string Encode() const;
  static StatusOr<Measurement> Decode(const std::string& text);
};

struct Summary {
  int ranks = 0;
  int iterations = 0;
  // Of the slowest rank in each iteration.
  double median_ns = 0;
  double min_ns = 0;
  double max_ns = 0;
  // Bytes of one iteration to other ranks, over ranks and median time.
  double gigabytes_per_second = 0;
  // Per 10^9 bytes to other ranks; 0 when there are none.
  double cpu_seconds_per_gigabyte = 0;
  double system_seconds_per_gigabyte = 0;
  double copy_seconds_per_gigabyte = 0;
  uint64_t payload_bytes = 0;  // all ranks, all measured iterations
  uint64_t wire_bytes = 0;
  uint64_t messages = 0;
  uint64_t checked_bytes = 0;
};

// REQUIRES: at least one rank, all with equally many iterations, at least one.
Summary Summarize(const std::vector<Measurement>& ranks);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_MEASUREMENT_H_
