// Turns "these bytes to those ranks" into batches in NCCL's order.
//
// Used by Communicator on the caller's thread. Reads the core's constant part
// and the registered buffers; keeps nothing between calls.
#ifndef ITHACA_PLUGIN_DRIVER_STAGE_PLANNER_H_
#define ITHACA_PLUGIN_DRIVER_STAGE_PLANNER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/connector.h"
#include "plugin/driver/core.h"
#include "plugin/driver/operation.h"

namespace ithaca::driver {

// `bytes` at `data`, to or from `rank`. Zero bytes still send one message;
// leave a rank out to send none.
struct Outgoing {
  int rank = 0;
  const void* data = nullptr;
  size_t bytes = 0;
};
struct Incoming {
  int rank = 0;
  void* data = nullptr;
  size_t bytes = 0;
};

// Registered user buffers by address; shared with tasks of the service thread.
using BufferMap = std::map<const char*, std::shared_ptr<BufferMrs>>;

class StagePlanner {
 public:
  // REQUIRES: both outlive the planner.
  StagePlanner(const Core& core, const BufferMap& buffers)
      : core_(core), buffers_(buffers) {}

  // One stage with all of it. Errors: kInvalidArgument for ranks that do not
  // exist or come twice, or an own share that differs between the two lists;
  // kFailedPrecondition for memory that must be registered and is not.
  StatusOr<Stage> Plan(const std::vector<Outgoing>& sends,
                       const std::vector<Incoming>& recvs) const;

 private:
  // Batches from `first_batch` on belong to the round's group.
  Status AddRound(const Outgoing* send, const Incoming* recv,
                  size_t first_batch, Stage* stage) const;
  Status AddOwn(const Outgoing* send, const Incoming* recv, Stage* stage) const;
  Status AddParts(bool sends, int peer, char* data, size_t bytes,
                  size_t first_batch, Stage* stage) const;
  // Cuts what one connection carries into its streams.
  Status AddStreams(const Part& whole, BatchPlan* batch) const;
  StatusOr<void*> FindMr(const Connection& connection, const char* data,
                         size_t bytes) const;

  const Core& core_;
  const BufferMap& buffers_;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_STAGE_PLANNER_H_
