// What Prometheus' clients tell of their own process, under the usual names:
// process_cpu_seconds_total, process_resident_memory_bytes,
// process_virtual_memory_bytes, process_open_fds, process_max_fds,
// process_start_time_seconds, process_threads.
//
// A source of Metrics. Threads: any; reads /proc/self.
#ifndef ITHACA_DAEMON_METRICS_PROCESS_FIGURES_H_
#define ITHACA_DAEMON_METRICS_PROCESS_FIGURES_H_

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace ithaca::metrics {

// `proc` is "/proc", or such a folder. What cannot be read is left out.
std::vector<prometheus::MetricFamily> ProcessFigures(const std::string& proc);

}  // namespace ithaca::metrics

#endif  // ITHACA_DAEMON_METRICS_PROCESS_FIGURES_H_
