// The one thread per rank that moves data, as NCCL's proxy progress thread.
//
// It polls every running batch in turns, gives the core away when nothing
// moved, and sleeps only when there is nothing to do. Batches of one direction
// and channel run one after the other in the order they were submitted. The
// first error ends it: every operation, running or new, gets that error.
//
// Submit and Describe may be called from any thread, Stop by one at a time.
#ifndef ITHACA_PLUGIN_DRIVER_PROGRESS_THREAD_H_
#define ITHACA_PLUGIN_DRIVER_PROGRESS_THREAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "plugin/core/status.h"
#include "plugin/driver/core.h"
#include "plugin/driver/operation.h"

namespace ithaca::driver {

class ProgressThread {
 public:
  explicit ProgressThread(std::shared_ptr<Core> core);
  // Stop() with a limit of 5 s.
  ~ProgressThread();

  void Submit(const std::shared_ptr<Operation>& operation);

  // Ends everything now with `reason`; requests stay in flight in the plugin.
  // False when the thread sits in a plugin call that does not return within
  // `limit_ms`; it is then left behind and nothing of it may be freed.
  bool Stop(Status reason, int64_t limit_ms);

  // The error that ended it, or OK.
  Status status() const;

  // What runs: transfers with their progress, or the plugin call that does not
  // return. Waits up to `limit_ms` for the thread to say.
  std::string Describe(int64_t limit_ms);

 private:
  class Loop;
  struct Shared;

  // Shared with the thread, which may outlive this object.
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Core> core_;
  std::thread thread_;
  bool left_behind_ = false;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_PROGRESS_THREAD_H_
