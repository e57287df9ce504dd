// The plans that this daemon made or saw lately, by hash, so that a group can
// be created from the hash alone.
//
// Written by the planner's service, read by GroupsService. Threads: any. Life:
// the daemon's; memory only (plans of groups are in the store).
#ifndef ITHACA_DAEMON_GROUPS_PLAN_SHELF_H_
#define ITHACA_DAEMON_GROUPS_PLAN_SHELF_H_

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::groups {

class PlanShelf {
 public:
  // Keeps the `capacity` plans put last.
  explicit PlanShelf(size_t capacity = 64) : capacity_(capacity) {}

  // Plans without ranks (DETAIL_SUMMARY) are not kept: no group can run them.
  // REQUIRES: the plan is valid.
  void Put(const planner::v1::Plan& plan);
  // Null: not there.
  std::shared_ptr<const planner::v1::Plan> Get(const std::string& hash) const;

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  // Newest first. Shared, because readers outlive the place on the shelf.
  std::list<std::shared_ptr<const planner::v1::Plan>>
      plans_;  // guarded by mutex_
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_PLAN_SHELF_H_
