// Backward is the adjoint of forward: <F x, y> = <x, F' y> for all x and y,
// where the inner products run over all tensors of all ranks.
#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/attention_f64.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

enum class Values { kIntegers, kNormals };

std::vector<RankTensors> RandomInputs(const LocalGroup& group, int32_t step,
                                      Values values, std::mt19937* rng) {
  const FlatPlan& plan = group.plan();
  std::vector<RankTensors> all;
  for (int32_t r = 0; r < group.num_ranks(); ++r) {
    all.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    for (GuardedBuffer& t : all.back()) {
      WholeTensor flat;
      flat.data.resize(t.bytes());
      if (values == Values::kIntegers) {
        // Eight such values add up to at most 56, exact in every dtype.
        FillWithIntegers(rng, plan.dtype, 7, &flat);
      } else {
        FillWithNormals(rng, plan.dtype, &flat);
      }
      std::copy(flat.data.begin(), flat.data.end(), t.data());
    }
  }
  return all;
}

struct InnerProduct {
  double sum = 0.0;
  double magnitude = 0.0;  // of the terms
};

InnerProduct Inner(int32_t dtype, int64_t element_bytes,
                   const std::vector<RankTensors>& a,
                   const std::vector<RankTensors>& b) {
  InnerProduct result;
  for (size_t r = 0; r < a.size(); ++r) {
    for (size_t t = 0; t < a[r].size(); ++t) {
      EXPECT_EQ(a[r][t].bytes(), b[r][t].bytes());
      const int64_t n = a[r][t].bytes() / element_bytes;
      const std::vector<double> x = ToDoubles(dtype, a[r][t].data(), n);
      const std::vector<double> y = ToDoubles(dtype, b[r][t].data(), n);
      for (int64_t i = 0; i < n; ++i) {
        result.sum += x[i] * y[i];
        result.magnitude += std::fabs(x[i] * y[i]);
      }
    }
  }
  return result;
}

void CheckAdjoint(int32_t forward, int32_t backward, Values values,
                  unsigned seed) {
  SCOPED_TRACE(seed);
  std::mt19937 rng(seed);
  const FlatPlan plan = RandomPlan(&rng);
  const LocalGroup group(plan);
  const std::vector<RankTensors> x = RandomInputs(group, forward, values, &rng);
  const std::vector<RankTensors> y =
      RandomInputs(group, backward, values, &rng);
  const int64_t e = plan.dtype == ITHACA_ULYSSES_F32 ? 4 : 2;
  const InnerProduct left = Inner(plan.dtype, e, group.Exchange(forward, x), y);
  const InnerProduct right =
      Inner(plan.dtype, e, x, group.Exchange(backward, y));
  if (values == Values::kIntegers) {
    EXPECT_EQ(left.sum, right.sum);
    return;
  }
  // Each sum of replicated gradients is rounded once to the dtype; fp32 adds
  // its own.
  const double unit = plan.dtype == ITHACA_ULYSSES_F32 ? std::ldexp(1.0, -24)
                      : plan.dtype == ITHACA_ULYSSES_BF16
                          ? std::ldexp(1.0, -8)
                          : std::ldexp(1.0, -11);
  EXPECT_NEAR(left.sum, right.sum,
              (unit + std::ldexp(8.0, -24)) * left.magnitude);
}

TEST(AdjointTest, ExactOnIntegers) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CheckAdjoint(ITHACA_ULYSSES_SEQ_TO_HEADS,
                 ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD, Values::kIntegers, seed);
    CheckAdjoint(ITHACA_ULYSSES_HEADS_TO_SEQ,
                 ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD, Values::kIntegers, seed);
  }
}

TEST(AdjointTest, WithinRoundingOnNormals) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    CheckAdjoint(ITHACA_ULYSSES_SEQ_TO_HEADS,
                 ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD, Values::kNormals, seed);
  }
}

}  // namespace
}  // namespace ithaca::ulysses
