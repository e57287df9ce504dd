// Fills in and checks what is to be computed.
//
// Used for workloads from requests and for those of plans. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_PLANNER_WORKLOAD_SHAPE_H_
#define ITHACA_DAEMON_PLANNER_WORKLOAD_SHAPE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "daemon/planner/cost/job.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Sets what is absent or unspecified in `workload` to its default and checks
// it; micro_batches and global_batch stay absent where they were. `config_type`
// is the type to take when none is given; unspecified means bfloat16. `path` is
// where the workload stands in the caller's message.
absl::Status CompleteWorkload(const std::string& path, v1::DataType config_type,
                              v1::Workload& workload);

// INVALID_ARGUMENT naming `path`.sequence_length unless BytesFit.
absl::Status CheckBytesFit(const std::string& path, const v1::Model& model,
                           const v1::Workload& workload, uint64_t groups);

// Whether the bytes of one layer of `groups` Ulysses groups are sure to fit 63
// bits, whatever the Ulysses degree; with a ring, count twice the groups.
// REQUIRES: `model` and `workload` were checked.
bool BytesFit(const v1::Model& model, const v1::Workload& workload,
              uint64_t groups);

// Micro-batches of one replica, of `replicas`: as given, what global_batch
// makes it, or 1. nullopt: the global batch is not that many.
std::optional<uint64_t> MicroBatches(const v1::Workload& workload,
                                     uint64_t replicas);

// Bytes of one element. REQUIRES: a known type.
uint32_t BytesOf(v1::DataType type);

// The same for the cost functions, on `replicas`. REQUIRES: the workload was
// completed, MicroBatches has a value.
Work WorkOf(const v1::Workload& workload, uint64_t replicas);

// REQUIRES: specified.
AttentionMask MaskOf(v1::AttentionMask mask);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_WORKLOAD_SHAPE_H_
