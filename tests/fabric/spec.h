// What a fabric looks like: hosts, rails, pods, rates, queues.
//
// Written by people on a command line or in a JSON file, with the same keys:
//
//   hosts=8,rails=2,rate=200mbit,queue=64k
//   hosts=8,rails=2,rate=200mbit,queue=64k,pods=4+4,uplink=400mbit,
//     host3.rail1.rate=50mbit,pod1.uplink=100mbit
//   {"hosts": 8, "rails": 2, "rate": "200mbit", "pods": [4, 4],
//    "uplink": "400mbit", "host3.rail1.rate": "50mbit"}
//
// A value; immutable once parsed. Parsing treats its input as hostile.
#ifndef ITHACA_TESTS_FABRIC_SPEC_H_
#define ITHACA_TESTS_FABRIC_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::fabric {

struct Spec {
  int hosts = 2;
  int rails = 1;
  int procs = 1;  // processes per host; ranks h*procs .. h*procs+procs-1
  // What a switch port holds before it drops.
  uint64_t queue_bytes = 256 << 10;
  // What a token bucket lets pass at once after a rest.
  uint64_t burst_bytes = 128 << 10;
  // What a host's own end holds: deep, because a NIC pushes back.
  uint64_t nic_queue_bytes = 32 << 20;
  // Largest packet that a host hands to its NIC before segmentation; 0: the
  // kernel's own, 64 KiB. Switch queues count, and drop, such packets whole.
  uint64_t gso_bytes = 0;
  std::string congestion = "cubic";

  std::vector<int> pods = {2};  // hosts of each pod; their sum is `hosts`
  // Bits per second, both directions; 0: not shaped.
  std::vector<std::vector<uint64_t>> rate_bps = {{0}, {0}};  // [host][rail]
  std::vector<std::vector<uint64_t>> uplink_bps = {{0}};     // [pod][rail]

  int ranks() const { return hosts * procs; }
  int HostOfRank(int rank) const { return rank / procs; }
  int PodOfHost(int host) const;

  // The compact form; Parse of it gives an equal spec.
  std::string ToString() const;
};

constexpr int kMaxHosts = 128;
constexpr int kMaxRails = 8;
constexpr int kMaxProcs = 16;

// The compact form or the text of a JSON object. INVALID_ARGUMENT says which
// key is wrong and what would be right.
StatusOr<Spec> ParseSpec(const std::string& text);
// The same; `argument` may also be the path of a JSON file.
StatusOr<Spec> ReadSpec(const std::string& argument);

// "200mbit", "1.5gbit", "64kbit", "0".
StatusOr<uint64_t> ParseRate(const std::string& text);
// "64k", "1m", "1500": powers of 1024.
StatusOr<uint64_t> ParseSize(const std::string& text);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_SPEC_H_
