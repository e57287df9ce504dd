#include "plugin/driver/operation.h"

#include <chrono>
#include <utility>

namespace ithaca::driver {

void Operation::Finish(Status status) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    status_ = std::move(status);
  }
  changed_.notify_all();
}

bool Operation::WaitFor(int64_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [this] { return finished_; });
}

bool Operation::finished() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return finished_;
}

Status Operation::status() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

}  // namespace ithaca::driver
