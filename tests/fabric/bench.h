// Runs ithaca-perf on a fabric and sets its time against the bound.
//
// Used by `fabric bench`. One thread. Each measurement has a fabric of its own,
// brought up and taken down.
#ifndef ITHACA_TESTS_FABRIC_BENCH_H_
#define ITHACA_TESTS_FABRIC_BENCH_H_

#include <map>
#include <string>

#include "plugin/core/status.h"
#include "tests/fabric/bound.h"
#include "tests/fabric/fabric.h"
#include "tests/fabric/rows.h"

namespace ithaca::fabric {

struct BenchOptions {
  std::string perf;    // path of ithaca-perf
  std::string plugin;  // path of the net plugin; empty: the one beside perf
  int iterations = 9;
  int warmup = 2;
  int timeout_s = 60;  // for connecting, and for each iteration
  // The ranks stand for machines with processors of their own, so they go
  // before whatever else this machine does.
  int niceness = -10;
  std::map<std::string, std::string> environment;  // of the ranks
};

struct Result {
  Bound bound;          // as the row counts it
  Bound burst_counted;  // with the burst in any case
  // Of one exchange: from the first rank's start to the last rank's end.
  double median_s = 0;
  double min_s = 0;
  double max_s = 0;
  double cpu_s_per_gb = 0;
  // Share of the machine's processor time that nobody used meanwhile: at 0 the
  // processors were the limit, and the figure says little about the network.
  double idle = 0;
  uint64_t drops = 0;  // packets that full switch queues dropped, all told

  // Of the bound; 0 when the fabric has none.
  double Fraction() const { return bound.seconds / median_s; }
};

// Errors name the row's fabric, the rank and what it said.
StatusOr<Result> Measure(const Row& row, const BenchOptions& options);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_BENCH_H_
