// A plan request with every default filled in and every field checked.
//
// The first step of planning. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_REQUEST_H_
#define ITHACA_DAEMON_PLANNER_REQUEST_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "daemon/planner/hardware_message.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// What is planned from. Nothing in it is unspecified or out of bounds but what
// constraints leave open.
struct Request {
  v1::Model model;
  v1::Workload workload;
  v1::Constraints constraints;
  ithaca::topology::v1::Topology topology;
  std::optional<uint64_t> slots;        // of the topology; absent: unknown
  KnownHardware hardware;               // limits of the constraints are in it
  v1::Detail detail = v1::DETAIL_FULL;  // never unspecified
  std::optional<v1::RankWindow> window;
  uint32_t max_alternatives = 8;
  // The workload's length stands for any: frameworks may take it or not.
  bool any_length = false;
};

// Errors: INVALID_ARGUMENT naming the field of PlanRequest, below `path` (empty
// or ending in a dot) where that is part of another request.
absl::StatusOr<Request> ResolveRequest(const v1::PlanRequest& request,
                                       const std::string& path = "");

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_REQUEST_H_
