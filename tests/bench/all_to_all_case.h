// One all-to-all on a fat tree, and how long it takes by the closed form and by
// the simulator.
//
// Used by fat_tree_test. The simulator is process-wide (one
// simgrid::s4u::Engine per process); run from the main thread.
#ifndef ITHACA_TESTS_BENCH_ALL_TO_ALL_CASE_H_
#define ITHACA_TESTS_BENCH_ALL_TO_ALL_CASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/planner/cost/hardware.h"
#include "daemon/planner/cost/spread.h"

namespace ithaca::bench {

// Hosts on leaf switches on spine switches, one rank per host, all links alike.
struct FatTree {
  uint32_t leaves = 1;
  uint32_t hosts_per_leaf = 1;
  uint32_t spines = 1;  // each leaf has one link to each; divides
                        // hosts_per_leaf, so that static routes are even
  double bytes_per_second = 12.5e9;  // of every link, in each direction
  double latency_seconds = 1e-7;     // of every link

  uint32_t hosts() const { return leaves * hosts_per_leaf; }
  // Share of the uplinks that one host has.
  double uplink_bytes_per_second() const {
    return bytes_per_second * spines / hosts_per_leaf;
  }
};

// Groups that exchange at the same time, each among its own members.
struct Case {
  FatTree tree;
  uint32_t group_size = 1;  // divides the hosts
  // false: group i is hosts i * size ...; true: its members are hosts / size
  // apart, as Ulysses groups around a ring inside are.
  bool strided = false;
  // What a member receives from each other one: weights[place in group] times
  // this many bytes. Empty: 1 each.
  double bytes = 0;
  std::vector<uint32_t> weights;

  std::string Name() const;
  uint32_t HostOf(uint32_t group, uint32_t member) const;
  double BytesTo(uint32_t member) const;
};

// By daemon/planner/cost: the spread of the busiest member, its bytes (sent or
// received, whichever is more), the rates of NIC and uplink.
double ClosedFormSeconds(const Case& c);

// By SimGrid (CM02, no cross-traffic, no TCP window), all flows from time 0 to
// the end of the last. One answer per case. Call once per process.
std::vector<double> SimulatedSeconds(const std::vector<Case>& cases);

}  // namespace ithaca::bench

#endif  // ITHACA_TESTS_BENCH_ALL_TO_ALL_CASE_H_
