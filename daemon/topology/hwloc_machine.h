// What hwloc says of this machine.
//
// Used by discovery. Any thread; the call takes tens of milliseconds.
#ifndef ITHACA_DAEMON_TOPOLOGY_HWLOC_MACHINE_H_
#define ITHACA_DAEMON_TOPOLOGY_HWLOC_MACHINE_H_

#include <string>

#include "absl/status/statusor.h"

namespace ithaca::topology {

// hwloc's XML of this machine with its PCI devices, for ReadHwlocXml. Errors:
// INTERNAL with what hwloc refused.
absl::StatusOr<std::string> HwlocXmlOfThisMachine();

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_HWLOC_MACHINE_H_
