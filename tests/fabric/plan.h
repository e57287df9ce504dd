// The commands that build a fabric, as text for `ip -batch` and `tc -batch`.
//
// The picture, for one rail r (rails share nothing):
//
//   host h: railr ---veth--- h<h>r<r> : bridge p<p>r<r> --- up --- core<r>
//
// All bridges are in one namespace, the switch; each host is a namespace. With
// one pod there is no core. Names and addresses are also what tests use.
//
// Pure; any thread.
#ifndef ITHACA_TESTS_FABRIC_PLAN_H_
#define ITHACA_TESTS_FABRIC_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fabric/spec.h"

namespace ithaca::fabric {

// Names of namespaces of the instance `id`.
std::string HostNamespace(const std::string& id, int host);
std::string SwitchNamespace(const std::string& id);
std::vector<std::string> AllNamespaces(const std::string& id, const Spec& spec);

// In a host: "rail0". In the switch: "h3r0", the port that faces host 3.
std::string RailName(int rail);
std::string PortName(int host, int rail);
// 10.<rail>.<pod>.<host + 1>, in a /16 per rail.
std::string Address(const Spec& spec, int host, int rail);

// For the switch's namespace.
std::string SwitchLinks(const std::string& id, const Spec& spec);
std::string SwitchQueues(const Spec& spec);
// For a host's.
std::string HostLinks(const Spec& spec, int host);
std::string HostQueues(const Spec& spec, int host);

// One line for `tc`: "qdisc VERB dev DEVICE root tbf ...". REQUIRES: bps > 0.
std::string Shape(const char* verb, const std::string& device, uint64_t bps,
                  uint64_t burst_bytes, uint64_t limit_bytes);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_PLAN_H_
