// Places at the planner: so many calls plan at once, so many wait, and the rest
// is turned away.
//
// Planning takes the processor and nothing else, so more at once would only
// make all of them slower, and the rest of the daemon with them.
//
// Used by GatedPlanner. Threads: any; Enter blocks. Life: outlives its places.
#ifndef ITHACA_DAEMON_SERVER_PLANNER_SLOTS_H_
#define ITHACA_DAEMON_SERVER_PLANNER_SLOTS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "daemon/groups/refusal.h"

namespace ithaca::server {

class PlannerSlots {
 public:
  struct Options {
    // 0: half of the processors, at least one.
    size_t at_once = 0;
    size_t max_waiting = 64;
    // Told how long a place was held, in seconds; may be null.
    std::function<void(double seconds)> held;
    // Told the reason of each refusal; may be null.
    std::function<void(const char* reason)> refused;
  };
  explicit PlannerSlots(Options options);

  // A place, held for as long as the object lives.
  class Place {
   public:
    explicit Place(PlannerSlots* slots)
        : slots_(slots), since_(std::chrono::steady_clock::now()) {}
    ~Place() { slots_->Leave(since_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    PlannerSlots* const slots_;
    const std::chrono::steady_clock::time_point since_;
  };

  // Waits for a place until `deadline`. PLANNER_BUSY (with "retry_after_ms")
  // at once when too many wait; DEADLINE_EXCEEDED when none came free in time;
  // CANCELLED soon after `cancelled` (may be null) became true.
  groups::Result<std::unique_ptr<Place>> Enter(
      std::chrono::system_clock::time_point deadline,
      const std::function<bool()>& cancelled);

 private:
  groups::Refusal Refuse(groups::Refusal refusal) const;
  void Leave(std::chrono::steady_clock::time_point since);

  const Options options_;
  std::mutex mutex_;
  std::condition_variable free_;
  size_t busy_ = 0;     // guarded by mutex_
  size_t waiting_ = 0;  // guarded by mutex_
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_PLANNER_SLOTS_H_
