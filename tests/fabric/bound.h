// The least time that a fabric needs for a traffic matrix: what measured times
// are compared with.
//
// For every cut (the bytes from a set of hosts S to a set of hosts D) the bytes
// that must cross it are divided by the rate that leads across it, summed over
// rails; the slowest cut is the bound. Along one rail the rate across a cut is
// the least of its stages: the NICs of S, the uplinks out of S's pods, those
// into D's pods, the NICs of D. Rails are separate planes, and a pair may
// divide its bytes among them at will.
//
// Cuts considered: from one host, to one host, between any two hosts, out of
// and into each pod, between any two pods. So this is a lower bound on time:
// nothing can be faster. It is also what a fluid reaches, with one rail (these
// cuts are then all the links, and there is nothing to choose) and, in an
// all-to-all, with rails of which one host's are slower (that host divides its
// bytes by their rates, and the others have room to make up for it). It may be
// below the fluid optimum when several hosts have different slow rails.
//
// Bytes on the wire are payload times 1514/1448: Ethernet, IP and TCP headers
// (with timestamps) of full frames. Acknowledgements are not counted.
//
// Pure; any thread.
#ifndef ITHACA_TESTS_FABRIC_BOUND_H_
#define ITHACA_TESTS_FABRIC_BOUND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fabric/spec.h"

namespace ithaca::fabric {

constexpr double kWirePerPayload = 1514.0 / 1448.0;

// Bytes of payload, [sending rank][receiving rank].
using Traffic = std::vector<std::vector<uint64_t>>;

// Every rank sends `bytes` to every rank.
Traffic AllToAll(const Spec& spec, uint64_t bytes);
// The same, but rank 0 receives `factor` times as much as the others.
Traffic SkewedAllToAll(const Spec& spec, uint64_t bytes, uint64_t factor);

struct Bound {
  double seconds = 0;   // 0: nothing that is shaped must be crossed
  std::string because;  // the cut, for people: "into host 0"
};

// Whether each shaper's bucket is full at the start and lets `burst_bytes` pass
// at once. It matters to small messages, and makes the bound smaller.
enum class Burst { kIgnored, kCounted };

// REQUIRES: traffic is spec.ranks() square.
Bound ComputeBound(const Spec& spec, const Traffic& traffic, Burst burst);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_BOUND_H_
