// A plan request with every default filled in and every field checked.
//
// The first step of planning. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_REQUEST_H_
#define ITHACA_DAEMON_PLANNER_REQUEST_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/topology/slots.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// What is planned from. Nothing in it is unspecified or out of bounds, and the
// bytes of one layer, over all ranks and both passes, are known to fit 63 bits.
struct Request {
  v1::Model model;
  v1::Workload workload;
  v1::Constraints constraints;  // degrees stay absent where they were
  std::optional<std::vector<topology::Slot>> slots;  // absent: topology unknown
  bool summary = false;
};

// Errors: INVALID_ARGUMENT naming the field of PlanRequest.
absl::StatusOr<Request> ResolveRequest(const v1::PlanRequest& request);

// Sets what is absent or unspecified in `workload` to its default and checks
// it. `config_type` is the type to take when none is given; unspecified means
// bfloat16. `path` is where the workload stands in the caller's message.
absl::Status CompleteWorkload(const std::string& path, v1::DataType config_type,
                              v1::Workload& workload);

// INVALID_ARGUMENT naming `path`.sequence_length unless the bytes of one layer
// of `replicas` Ulysses groups are sure to fit 63 bits, whatever the Ulysses
// degree. REQUIRES: `model` and `workload` were checked.
absl::Status CheckBytesFit(const std::string& path, const v1::Model& model,
                           const v1::Workload& workload, uint32_t replicas);

// Bytes of one element. REQUIRES: a known type.
uint32_t BytesOf(v1::DataType type);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_REQUEST_H_
