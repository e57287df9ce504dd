// How long an exchange takes on the links between the members of a group.
//
// Used by time, and by the flow-level check in tests/bench. Pure, allocates
// nothing; any thread. All members exchange at once, links are full duplex and
// every rank of the machine does the same at the same time. A time is absent
// when a link that the exchange needs has no known rate.
//
// Bytes to another host leave through the rank's own NIC, whether the other is
// near or far: the rate of kLeaf bounds those of kLeaf and kUplink together,
// the rate of kUplink (the rank's share of the uplinks) those of kUplink. Other
// classes carry their own. All classes work at the same time, so the slowest
// bounds the exchange.
//
// How near and far flows share a NIC matters where the uplink is a little
// slower than the NIC. When they share it in inverse proportion to latency, as
// TCP does, near flows take more than their part while they last, the uplink
// idles meanwhile and the far ones end later than the uplink alone would let
// them. tests/bench checks both against a flow-level simulation.
#ifndef ITHACA_DAEMON_PLANNER_COST_LINK_TIME_H_
#define ITHACA_DAEMON_PLANNER_COST_LINK_TIME_H_

#include <optional>

#include "daemon/planner/cost/hardware.h"
#include "daemon/planner/cost/spread.h"

namespace ithaca::planner {

using LinkRates = std::array<std::optional<LinkRate>, kLinkClasses>;

// Latency and rate; or, when measured, the line through the two neighbouring
// points, the rate of the last point beyond it, and the time of the first below
// it. REQUIRES: bytes >= 0; rates above 0.
double SecondsOf(const LinkRate& rate, double bytes);

// How flows to the same and to other pods share a NIC.
enum class NicSharing {
  kByLatency,   // in inverse proportion to it; equally when both are 0
  kUplinkFull,  // far flows first: the transport schedules for it
};

// One rank sends `bytes` to all others together, the same to each. Links with
// measured times are taken to work beside each other (kUplinkFull).
std::optional<double> AllToAllSeconds(
    double bytes, const Spread& spread, const LinkRates& links,
    NicSharing sharing = NicSharing::kByLatency);

// An all-gather or reduce-scatter in which one rank sends `bytes`, in rings
// whose hops between units (hosts, pods) are spread over the unit's members, as
// NCCL does; N - 1 times the latency of the farthest class.
std::optional<double> RingCollectiveSeconds(double bytes, const Spread& spread,
                                            const LinkRates& links);

// One hop: each rank sends `bytes` to the next; the slowest hop is the one of
// the farthest class.
std::optional<double> HopSeconds(double bytes, const Spread& spread,
                                 const LinkRates& links);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_LINK_TIME_H_
