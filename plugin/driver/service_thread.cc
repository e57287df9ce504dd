#include "plugin/driver/service_thread.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace ithaca::driver {
namespace {

constexpr int64_t kWatchMs = 50;

}  // namespace

struct ServiceThread::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<uint64_t, Task>> queue;  // guarded by mutex
  bool stop = false;                            // guarded by mutex
  uint64_t finished = 0;                        // guarded by mutex
  Status result;                                // of task `finished`
  uint64_t posted = 0;                          // guarded by mutex
};

ServiceThread::ServiceThread()
    : state_(std::make_shared<State>()), thread_(Loop, state_) {}

ServiceThread::~ServiceThread() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  if (stuck_) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void ServiceThread::Loop(std::shared_ptr<State> state) {
  pthread_setname_np(pthread_self(), "ithaca service");
  for (;;) {
    std::pair<uint64_t, Task> next;
    {
      std::unique_lock<std::mutex> lock(state->mutex);
      state->changed.wait(lock,
                          [&] { return state->stop || !state->queue.empty(); });
      if (state->queue.empty()) return;
      next = std::move(state->queue.front());
      state->queue.pop_front();
    }
    Status result = next.second();
    next.second = nullptr;  // what it captured goes before its end is told
    {
      std::lock_guard<std::mutex> lock(state->mutex);
      state->result = std::move(result);
      state->finished = next.first;
    }
    state->changed.notify_all();
  }
}

Status ServiceThread::Run(Task task, int64_t limit_ms, const Task& watch,
                          const std::function<void(const Status&)>& cancel) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  if (stuck_) {
    return Errorf(Code::kDeadlineExceeded,
                  "an earlier call into the plugin has not returned");
  }
  const auto end = steady_clock::now() + milliseconds(limit_ms);
  std::unique_lock<std::mutex> lock(state_->mutex);
  const uint64_t id = ++state_->posted;
  state_->queue.emplace_back(id, std::move(task));
  state_->changed.notify_all();
  bool cancelled = false;
  while (state_->finished != id) {
    state_->changed.wait_until(
        lock, std::min(end, steady_clock::now() + milliseconds(kWatchMs)));
    if (state_->finished == id) break;
    if (steady_clock::now() >= end) {
      stuck_ = true;
      return Errorf(Code::kDeadlineExceeded,
                    "the plugin did not return within %lld ms",
                    static_cast<long long>(limit_ms));
    }
    if (watch == nullptr || cancelled) continue;
    lock.unlock();
    Status status = watch();
    if (!status.ok()) {
      cancelled = true;
      cancel(status);
    }
    lock.lock();
  }
  return state_->result;
}

}  // namespace ithaca::driver
