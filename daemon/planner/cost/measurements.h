// Reads measured all-to-all times, from ithaca-perf or nccl-tests.
//
// Used by the planner's front ends to fill LinkRate::measured. Pure; any
// thread. The text comes from outside: it is bounded and every figure checked.
#ifndef ITHACA_DAEMON_PLANNER_COST_MEASUREMENTS_H_
#define ITHACA_DAEMON_PLANNER_COST_MEASUREMENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/cost/hardware.h"

namespace ithaca::planner {

inline constexpr size_t kMaxMeasurementBytes = size_t{16} << 20;
inline constexpr size_t kMaxMeasurements = 4096;

// Takes, told apart by their content:
//   ithaca-perf -o json or --json (the summary line), pattern alltoall;
//   nccl-tests' alltoall_perf, its text or its JSON file (-J), out of place.
// Points ascend in bytes and have one time each (the last one given). Bytes are
// what one rank sends to all others together: nccl-tests prints a rank's whole
// buffer, so that (ranks - 1) / ranks of it counts. `ranks` are those of the
// nccl-tests run; 0: count them in the text, or in the JSON's list of devices
// (which has one per process). INVALID_ARGUMENT names what is wrong.
absl::StatusOr<std::vector<MeasuredTime>> ParseMeasurements(
    absl::string_view text, uint32_t ranks = 0);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_MEASUREMENTS_H_
