// Hardware as the API has it, and as the cost functions take it.
//
// Used by the resolution of requests and by whoever writes estimates. Pure;
// safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_HARDWARE_MESSAGE_H_
#define ITHACA_DAEMON_PLANNER_HARDWARE_MESSAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "daemon/planner/cost/hardware.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// What the planner knows of the hardware: the figures, and how many
// accelerators hang on one leaf. 0: unknown, and all nodes are one pod.
struct KnownHardware {
  Hardware figures;
  uint32_t accelerators_per_pod = 0;
};

// INVALID_ARGUMENT naming the field below `path` when a figure makes no sense:
// not finite, not positive, a share above 1, a class of link twice, measured
// points that do not ascend.
absl::Status CheckHardware(const std::string& path,
                           const v1::Hardware& hardware);

// Puts what `hardware` has over what `known` has. REQUIRES: CheckHardware.
void ApplyHardware(const v1::Hardware& hardware, KnownHardware& known);

// The message with everything that is known.
v1::Hardware HardwareMessage(const KnownHardware& known);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_HARDWARE_MESSAGE_H_
