// Asking the planner in tests.
//
// Used by tests alone; every answer is checked as far as every test would.
#ifndef ITHACA_DAEMON_PLANNER_ASK_FOR_TEST_H_
#define ITHACA_DAEMON_PLANNER_ASK_FOR_TEST_H_

#include <cstdint>

#include "daemon/planner/planner.h"
#include "daemon/planner/validate.h"
#include "gtest/gtest.h"

namespace ithaca::planner {

inline v1::PlanRequest Ask(uint32_t heads, uint32_t kv_heads,
                           uint32_t head_size, uint64_t tokens,
                           uint32_t ranks) {
  v1::PlanRequest request;
  request.mutable_model()->set_query_heads(heads);
  request.mutable_model()->set_kv_heads(kv_heads);
  request.mutable_model()->set_head_size(head_size);
  request.mutable_workload()->set_sequence_length(tokens);
  request.mutable_constraints()->set_ranks(ranks);
  return request;
}

inline v1::PlanResponse Answer(const v1::PlanRequest& request) {
  const auto response = MakePlan(request);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::PlanResponse();
}

// The only plan of an answer that must have one, and must be valid.
inline v1::Plan PlanOf(const v1::PlanRequest& request) {
  const v1::PlanResponse response = Answer(request);
  EXPECT_EQ(response.plans_size(), 1) << response.ShortDebugString();
  if (response.plans_size() != 1) return {};
  const v1::ValidateResponse check = ValidatePlan(response.plans(0));
  EXPECT_TRUE(check.valid()) << check.DebugString();
  return response.plans(0);
}

// The first rejection of an answer that must have no plan, and whose nearest
// legal choice must have one.
inline v1::Rejection RejectionOf(const v1::PlanRequest& request) {
  const v1::PlanResponse response = Answer(request);
  EXPECT_EQ(response.plans_size(), 0);
  if (response.rejected().empty()) return {};
  v1::PlanRequest nearest = request;
  *nearest.mutable_constraints() = response.rejected(0).nearest_legal();
  PlanOf(nearest);
  return response.rejected(0);
}

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ASK_FOR_TEST_H_
