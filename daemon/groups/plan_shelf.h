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
  // Keeps the plans put last: at most `capacity` of them, and at most
  // `max_bytes`.
  explicit PlanShelf(size_t capacity = 64, size_t max_bytes = size_t{64} << 20)
      : capacity_(capacity), max_bytes_(max_bytes) {}

  // Plans without ranks (DETAIL_SUMMARY) are not kept: no group can run them.
  // Nor is one that is larger than all that can be kept.
  // REQUIRES: the plan is valid.
  void Put(const planner::v1::Plan& plan);
  // Null: not there.
  std::shared_ptr<const planner::v1::Plan> Get(const std::string& hash) const;

 private:
  struct Entry {
    // Shared, because readers outlive the place on the shelf.
    std::shared_ptr<const planner::v1::Plan> plan;
    size_t bytes = 0;
  };

  const size_t capacity_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> plans_;  // newest first; guarded by mutex_
  size_t bytes_ = 0;        // guarded by mutex_
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_PLAN_SHELF_H_
