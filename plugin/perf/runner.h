// One rank of a measurement: meets the others, connects, runs every case.
//
// Thread-confined; the driver has threads of its own.
#ifndef ITHACA_PLUGIN_PERF_RUNNER_H_
#define ITHACA_PLUGIN_PERF_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/driver/driver.h"
#include "plugin/perf/buffers.h"
#include "plugin/perf/config.h"
#include "plugin/perf/counts.h"
#include "plugin/perf/measurement.h"
#include "plugin/perf/rails.h"
#include "plugin/perf/report.h"

namespace ithaca::perf {

class Runner {
 public:
  // REQUIRES: config.rank and config.ranks are set.
  explicit Runner(const Config& config);

  // Everything. On failure the other ranks have been told.
  Status Run();

 private:
  Status Meet();
  Status Connect();
  // What an all-to-allv moves between two ranks.
  size_t PairBytes(int from, int to, size_t bytes) const;
  // By peer, in bytes; for `bytes` of Config::bytes or the matrix.
  StatusOr<Buffers> MakeBuffers(size_t bytes) const;
  Status RunCases(Report* report);
  Status RunCase(size_t bytes, Report* report);
  Status RunIterations(size_t bytes, Buffers* buffers, Report* report);
  StatusOr<Sample> RunIteration(uint64_t number, bool checked, size_t bytes,
                                Buffers* buffers);
  // Of all ranks, on rank 0; on the others an empty one.
  StatusOr<Iteration> Gather(const Sample& mine, bool measured);
  StatusOr<driver::Transfer> Start(size_t bytes, const Buffers& buffers);
  StatusOr<driver::Transfer> StartPairs(const Buffers& buffers);
  Status CheckIteration(uint64_t number, const Buffers& buffers,
                        uint64_t* checked_bytes) const;
  void ShowProgress(size_t bytes, int done);
  Setup Describe() const;
  Status Where(const Status& status, size_t bytes, uint64_t iteration) const;
  // The rank that this one plays ping-pong with, or -1.
  int Partner() const;

  const Config& config_;
  StderrLogSink log_;
  const std::string clock_id_;
  const std::string network_id_;
  const RailChoice rail_choice_;
  Counts counts_;  // empty without a file
  std::unique_ptr<driver::Bootstrap> bootstrap_;
  std::shared_ptr<driver::NetPlugin> plugin_;
  std::unique_ptr<driver::Communicator> comm_;
  double connect_ms_ = 0;
  uint64_t iterations_ = 0;  // of all cases: no two share a pattern
  int64_t case_started_ns_ = 0;
  int64_t last_shown_ns_ = 0;
};

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_RUNNER_H_
