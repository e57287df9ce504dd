// The thread that makes, registers and closes connections, as NCCL's proxy
// service thread does: all those calls of a plugin come from one thread, which
// is not the one that moves data.
//
// Run is called by one thread at a time. A plugin that never returns is waited
// for up to the limit and then left behind: the thread keeps what the task
// captured alive, and the process can still report and exit.
#ifndef ITHACA_PLUGIN_DRIVER_SERVICE_THREAD_H_
#define ITHACA_PLUGIN_DRIVER_SERVICE_THREAD_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "plugin/core/status.h"

namespace ithaca::driver {

class ServiceThread {
 public:
  using Task = std::function<Status()>;

  ServiceThread();
  // Ends the thread after its queue; leaves it behind when it is stuck.
  ~ServiceThread();

  // Runs `task` there and returns its status. While it runs, calls `watch`
  // (may be null) every 50 ms; the first error that it returns is handed to
  // `cancel`, which must make the task end soon.
  // Error: kDeadlineExceeded when the task has not returned after `limit_ms`;
  // the thread is of no use afterwards.
  // REQUIRES: `task` owns all that it touches.
  Status Run(Task task, int64_t limit_ms, const Task& watch = nullptr,
             const std::function<void(const Status&)>& cancel = nullptr);

 private:
  struct State;
  static void Loop(std::shared_ptr<State> state);

  // Shared with the thread, which may outlive this object.
  const std::shared_ptr<State> state_;
  std::thread thread_;
  bool stuck_ = false;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_SERVICE_THREAD_H_
