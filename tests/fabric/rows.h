// The table of fabrics on which an all-to-all must come near the bound.
//
// Rates are such that two processor cores are not the limit: 200 Mbit/s a rail,
// 100 Mbit/s with four rails.
//
// Pure; any thread.
#ifndef ITHACA_TESTS_FABRIC_ROWS_H_
#define ITHACA_TESTS_FABRIC_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fabric/bound.h"
#include "tests/fabric/spec.h"

namespace ithaca::fabric {

struct Row {
  std::string name;
  std::string spec;          // compact form
  uint64_t bytes = 1 << 20;  // per pair of ranks
  uint64_t skew = 1;         // rank 0 receives so many times as much
  Burst burst = Burst::kIgnored;
  double must = 0;  // fraction of the bound to reach; 0: none

  // REQUIRES: `parsed` is the parse of `spec`.
  Traffic MakeTraffic(const Spec& parsed) const;
};

// The whole table, in its order. Names are unique.
std::vector<Row> Table();

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_ROWS_H_
