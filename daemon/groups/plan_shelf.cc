#include "daemon/groups/plan_shelf.h"

namespace ithaca::groups {

void PlanShelf::Put(const planner::v1::Plan& plan) {
  if (plan.ranks_size() == 0) return;
  auto copy = std::make_shared<const planner::v1::Plan>(plan);
  std::lock_guard<std::mutex> lock(mutex_);
  plans_.remove_if(
      [&copy](const auto& other) { return other->hash() == copy->hash(); });
  plans_.push_front(std::move(copy));
  if (plans_.size() > capacity_) plans_.pop_back();
}

std::shared_ptr<const planner::v1::Plan> PlanShelf::Get(
    const std::string& hash) const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& plan : plans_) {
    if (plan->hash() == hash) return plan;
  }
  return nullptr;
}

}  // namespace ithaca::groups
