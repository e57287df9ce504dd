// Which processes can compare what they measure: ids to be compared as text.
//
// Read from /proc at each call; equal when unknown. Thread-safe.
#ifndef ITHACA_PLUGIN_PERF_HOST_ID_H_
#define ITHACA_PLUGIN_PERF_HOST_ID_H_

#include <string>

namespace ithaca::perf {

// Equal for processes whose MonotonicClock shows the same time: one boot of one
// machine, one time namespace.
std::string ClockId();
// Equal for processes that see the same network interfaces.
std::string NetworkId();

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_HOST_ID_H_
