// Prints results: a table row by row, one JSON document at the end, or an
// object per line as it goes.
//
// Rank 0 only; one thread.
#ifndef ITHACA_PLUGIN_PERF_REPORT_H_
#define ITHACA_PLUGIN_PERF_REPORT_H_

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/perf/config.h"
#include "plugin/perf/measurement.h"

namespace ithaca::perf {

// What the run is about, known once the ranks are connected.
struct Setup {
  std::string plugin_name;
  std::string plugin_path;
  int abi = 0;
  std::vector<int> abi_versions;
  std::string device;
  size_t chunk_bytes = 0;
  int device_mbps = 0;
  int ranks = 0;
  double connect_ms = 0;  // of rank 0
};

class Report {
 public:
  Report(const Config& config, FILE* out) : config_(config), out_(out) {}

  void Begin(const Setup& setup);
  // Measured iteration `index` of a case; `bytes` as for Add.
  void AddIteration(size_t bytes, int index, const Iteration& iteration);
  // `bytes` per pair, or of the whole matrix for one from a file.
  void Add(size_t bytes, const Summary& summary);
  void End();

 private:
  void BeginTable(const Setup& setup);
  void AddRow(size_t bytes, const Summary& summary);
  void AddRailRows(const Summary& summary);

  const Config& config_;
  FILE* const out_;
  nlohmann::ordered_json document_;
};

// "12.3 us", "4.56 ms", "1.23 s".
std::string FormatTime(double ns);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_REPORT_H_
