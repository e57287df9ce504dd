// The hardware that a job runs on, as the cost functions see it.
//
// Filled in from a topology and the table of known accelerators, or from
// measurements. Plain values. What is not known is absent, and a figure that
// needs it is absent too: no rate is made up.
#ifndef ITHACA_DAEMON_PLANNER_COST_HARDWARE_H_
#define ITHACA_DAEMON_PLANNER_COST_HARDWARE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ithaca::planner {

// How far apart two ranks are. The order is from near to far.
enum class LinkClass {
  kNvlink,  // one NVLink domain
  kNode,    // one host, over PCI or memory
  kLeaf,    // two hosts of one pod
  kUplink,  // two pods
};
inline constexpr size_t kLinkClasses = 4;

// One measured point of an exchange: what one rank sends to all others
// together, and how long the exchange took.
struct MeasuredTime {
  double bytes = 0;
  double seconds = 0;
};

// What one rank has of a link class, in each direction.
struct LinkRate {
  double bytes_per_second = 0;  // > 0
  double latency_seconds = 0;   // of one message; >= 0
  // Ascending in bytes. When there are any, they are used (linear between
  // points, the last rate beyond) instead of the two figures above.
  std::vector<MeasuredTime> measured;
  std::string measured_source = {};  // where they come from, for people
};

struct Hardware {
  // Floating-point operations per second that the matrix units can do in the
  // type of the work, dense.
  std::optional<double> peak_flops;
  // Share of the peak that large matrix products and attention reach: an
  // assumption, stated with the plan. Smaller ones reach less: efficiency.h.
  double matmul_efficiency = 0.6;
  double attention_efficiency = 0.6;
  std::optional<double> memory_bytes_per_second;     // of the accelerator
  std::optional<uint64_t> memory_bytes;              // of the accelerator
  std::optional<uint64_t> host_memory_bytes;         // of one node
  std::optional<double> host_link_bytes_per_second;  // one accelerator's
  uint32_t accelerators_per_node = 1;                // >= 1
  uint32_t accelerators_per_nvlink_domain = 1;       // >= 1; 1: no NVLink
  std::array<std::optional<LinkRate>, kLinkClasses> links;  // by LinkClass
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_HARDWARE_H_
