// Random legal plans: uneven and replicated heads, lengths that do not divide,
// empty ranks, ranks in any order, tokens in any order.
//
// Used by the tests of kernels/. Pure functions of the generator's state.
#ifndef ITHACA_KERNELS_REFERENCE_TESTING_RANDOM_PLAN_H_
#define ITHACA_KERNELS_REFERENCE_TESTING_RANDOM_PLAN_H_

#include <cstdint>
#include <random>

#include "kernels/api/flat_plan.h"

namespace ithaca::ulysses {

struct RandomPlanLimits {
  int32_t max_ranks = 8;
  int32_t max_kv_heads = 6;
  int32_t max_group = 5;  // query heads per KV head
  int32_t max_head_size = 24;
  int32_t max_batch = 3;
  int64_t max_tokens = 40;
  bool quantised = false;  // FP8 on the wire
};

// A plan whose every field is drawn, but for the wire; dtype, layout and token
// order (contiguous, zigzag, striped, parts of packed documents) too.
FlatPlan RandomPlan(std::mt19937* rng, const RandomPlanLimits& limits = {});

// The even plan: tokens and heads shared out as equally as they go, in rank
// order.
FlatPlan EvenPlan(int32_t ranks, int64_t tokens, int32_t q_heads,
                  int32_t kv_heads, int32_t head_size, int32_t dtype);

// Sum of rank_rows.
int64_t TotalTokens(const FlatPlan& plan);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_TESTING_RANDOM_PLAN_H_
