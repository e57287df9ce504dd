// One call of the communicator while it runs: stages of batches and copies.
//
// Built by the caller's thread, run by the progress thread, waited for by the
// caller. Shared between the two: whoever lets go last frees it.
#ifndef ITHACA_PLUGIN_DRIVER_OPERATION_H_
#define ITHACA_PLUGIN_DRIVER_OPERATION_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/batch.h"
#include "plugin/driver/stall_meter.h"

namespace ithaca::driver {

struct BatchPlan {
  bool sends = false;
  int channel = 0;
  std::vector<Part> parts;
};

struct LocalCopy {
  char* to = nullptr;
  const char* from = nullptr;
  size_t bytes = 0;
};

// All of a stage proceeds at once; the next one starts when it is done.
struct Stage {
  std::vector<BatchPlan> batches;
  std::vector<LocalCopy> copies;
};

class Operation {
 public:
  // `stall_ns`: from when on standing still counts as a stall.
  Operation(std::vector<Stage> stages, uint64_t repeat, uint32_t op_bits,
            int64_t stall_ns)
      : stages(std::move(stages)),
        stages_to_run(repeat * this->stages.size()),
        op_bits(op_bits),
        stall_meter(stall_ns) {}

  // Called once, by the progress thread.
  void Finish(Status status);
  // False when it did not finish in time.
  bool WaitFor(int64_t timeout_ms);
  bool finished() const;
  // REQUIRES: finished().
  Status status() const;

  const std::vector<Stage> stages;
  const uint64_t stages_to_run;
  const uint32_t op_bits;  // for setNetAttr

  // Progress thread only.
  uint64_t stages_started = 0;
  int outstanding = 0;     // batches and copies of the running stage
  StallMeter stall_meter;  // readable by all once finished

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;  // guarded by mutex_
  Status status_;          // guarded by mutex_
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_OPERATION_H_
