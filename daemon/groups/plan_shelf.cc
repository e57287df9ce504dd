#include "daemon/groups/plan_shelf.h"

#include <algorithm>
#include <utility>

namespace ithaca::groups {

void PlanShelf::Put(const planner::v1::Plan& plan) {
  const size_t bytes = plan.ByteSizeLong();
  if (plan.ranks_size() == 0 || bytes > max_bytes_) return;
  auto copy = std::make_shared<const planner::v1::Plan>(plan);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto old =
      std::find_if(plans_.begin(), plans_.end(), [&copy](const Entry& entry) {
        return entry.plan->hash() == copy->hash();
      });
  if (old != plans_.end()) {
    bytes_ -= old->bytes;
    plans_.erase(old);
  }
  plans_.push_front({std::move(copy), bytes});
  bytes_ += bytes;
  while (plans_.size() > capacity_ || bytes_ > max_bytes_) {
    bytes_ -= plans_.back().bytes;
    plans_.pop_back();
  }
}

std::shared_ptr<const planner::v1::Plan> PlanShelf::Get(
    const std::string& hash) const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const Entry& entry : plans_) {
    if (entry.plan->hash() == hash) return entry.plan;
  }
  return nullptr;
}

}  // namespace ithaca::groups
