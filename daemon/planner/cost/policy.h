// How many bytes a framework gives to a parameter and what comes with it.
//
// Read by traffic and memory. Plain values; the defaults are mixed-precision
// Adam, 18 bytes per parameter in all (ALST, arXiv 2506.13996, section 2.1;
// Megatron's theoretical_memory_usage.py).
#ifndef ITHACA_DAEMON_PLANNER_COST_POLICY_H_
#define ITHACA_DAEMON_PLANNER_COST_POLICY_H_

#include <cstdint>

namespace ithaca::planner {

struct Precision {
  uint32_t parameter_bytes = 2;      // as computed with and gathered
  uint32_t gradient_bytes = 4;       // as accumulated
  uint32_t gradient_wire_bytes = 2;  // as reduced over the data group
  uint32_t optimizer_bytes = 12;     // fp32 master 4, Adam's moments 8
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_POLICY_H_
