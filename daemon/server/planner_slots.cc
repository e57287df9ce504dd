#include "daemon/server/planner_slots.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::server {
namespace {

// How soon somebody who waits sees that the caller has gone.
constexpr std::chrono::milliseconds kLook(100);
constexpr char kRetryMs[] = "200";

PlannerSlots::Options Filled(PlannerSlots::Options options) {
  if (options.at_once == 0) {
    options.at_once =
        std::max<size_t>(1, std::thread::hardware_concurrency() / 2);
  }
  return options;
}

}  // namespace

PlannerSlots::PlannerSlots(Options options)
    : options_(Filled(std::move(options))) {}

groups::Refusal PlannerSlots::Refuse(groups::Refusal refusal) const {
  if (options_.refused != nullptr) options_.refused(refusal.reason.c_str());
  return refusal;
}

groups::Result<std::unique_ptr<PlannerSlots::Place>> PlannerSlots::Enter(
    std::chrono::system_clock::time_point deadline,
    const std::function<bool()>& cancelled) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (busy_ >= options_.at_once && waiting_ >= options_.max_waiting) {
    return Refuse({absl::StatusCode::kResourceExhausted,
                   "PLANNER_BUSY",
                   absl::StrCat("the planner has ", busy_,
                                " calls at work and ", waiting_, " waiting"),
                   "call again a little later, or plan on the command line: "
                   "`ithacactl plan` needs no daemon",
                   {{groups::kRetryAfterMs, kRetryMs}}});
  }
  ++waiting_;
  const auto leave = [this](groups::Refusal refusal) {
    --waiting_;
    return Refuse(std::move(refusal));
  };
  while (busy_ >= options_.at_once) {
    const auto now = std::chrono::system_clock::now();
    if (now >= deadline) {
      return leave({absl::StatusCode::kDeadlineExceeded,
                    "DEADLINE_EXCEEDED",
                    "no place at the planner came free in time",
                    "give the call more time, or make fewer at once",
                    {}});
    }
    if (cancelled != nullptr && cancelled()) {
      return leave({absl::StatusCode::kCancelled,
                    "CANCELLED",
                    "the caller has gone",
                    "",
                    {}});
    }
    free_.wait_until(lock, std::min(deadline, now + kLook));
  }
  --waiting_;
  ++busy_;
  return std::make_unique<Place>(this);
}

void PlannerSlots::Leave(std::chrono::steady_clock::time_point since) {
  const std::chrono::duration<double> held =
      std::chrono::steady_clock::now() - since;
  if (options_.held != nullptr) options_.held(held.count());
  std::lock_guard<std::mutex> lock(mutex_);
  --busy_;
  free_.notify_one();
}

}  // namespace ithaca::server
