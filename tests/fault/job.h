// An all-to-all job of ithaca-perf on a fabric, whose rails a test breaks.
//
// Ranks find each other over a network of their own ("mgmt"), which is no rail:
// so every rail may fail. ithaca-perf checks each byte of each iteration, and
// says with a line of JSON when one has ended; the tests wait for those lines
// instead of for time.
//
// Thread-confined. A job that is not waited for is killed by its destructor.
#ifndef ITHACA_TESTS_FAULT_JOB_H_
#define ITHACA_TESTS_FAULT_JOB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "tests/fabric/fabric.h"

namespace ithaca::fault {

// One iteration, as rank 0 told of it.
struct Iteration {
  double wall_ms = 0;
  double longest_stall_ms = 0;       // of any rank
  std::vector<uint64_t> rail_bytes;  // that left host 0, by rail
};

class Job {
 public:
  struct Options {
    int iterations = 40;
    std::string bytes = "4M";  // per pair and iteration
    std::map<std::string, std::string> environment;
  };

  // One rank on each host of `fabric`, which outlives the job.
  static StatusOr<std::unique_ptr<Job>> Start(const fabric::Fabric* fabric,
                                              const Options& options);

  // Until `count` iterations have ended, all told. An error says what the ranks
  // wrote when they end before, or when the next takes longer than a minute.
  Status WaitForIterations(size_t count);
  // Until an iteration in which `rail` carried at least a tenth of host 0's
  // bytes ends, from the next one on. Returns how long that took.
  StatusOr<double> WaitForRailMs(int rail);

  // Until every rank has ended. OK when all did well: every byte was right.
  Status WaitForEnd();
  // Until rank `rank` has ended; its exit status, or -signal.
  StatusOr<int> WaitForRank(int rank);

  fabric::Process& rank(int rank) { return ranks_[rank]; }
  std::vector<Iteration> Iterations() const;
  // What a rank has logged so far.
  std::string Log(int rank) const;
  std::vector<std::string> Warnings(int rank) const;

  // "WHAT: median iteration 170 ms, longest 552 ms; longest stall 412 ms".
  std::string Summary(const std::string& what) const;

 private:
  Job(const fabric::Fabric* fabric, int iterations)
      : fabric_(fabric), iterations_(iterations) {}
  std::string OutPath(int rank) const;
  std::string LogPath(int rank) const;
  std::string Everything() const;
  bool Ended(int rank, int64_t timeout_ms);

  const fabric::Fabric* const fabric_;
  const int iterations_;
  std::vector<fabric::Process> ranks_;
  std::vector<std::optional<int>> exits_;  // status or -signal
};

// Gives each host an interface "mgmt"; the address of host 0's is 10.200.0.1.
// REQUIRES: a fabric of two hosts.
Status AddManagementNetwork(const fabric::Fabric& fabric);

}  // namespace ithaca::fault

#endif  // ITHACA_TESTS_FAULT_JOB_H_
