// Slices of whole-model tensors by the definition, one element at a time.
//
// Used by the tests of kernels/ to say what an exchange must give. Pure
// functions.
#ifndef ITHACA_KERNELS_REFERENCE_TESTING_SLICE_H_
#define ITHACA_KERNELS_REFERENCE_TESTING_SLICE_H_

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/api/flat_plan.h"

namespace ithaca::ulysses {

// A tensor [b, S, heads, d] or [S, b, heads, d] of raw elements.
struct WholeTensor {
  int32_t layout = ITHACA_ULYSSES_BATCH_FIRST;
  int64_t batch = 0, tokens = 0, heads = 0, head_size = 0;
  int64_t element_bytes = 0;
  std::vector<char> data;

  int64_t Offset(int64_t bi, int64_t s, int64_t h) const;  // bytes
};

// [b, tokens, heads, d] of the plan's dtype and layout; zero.
WholeTensor MakeWhole(const FlatPlan& plan, int64_t tokens, int64_t heads);

// Every byte random; any bit pattern, NaN too.
void FillWithBytes(std::mt19937* rng, WholeTensor* tensor);
// Rounded normal variates.
void FillWithNormals(std::mt19937* rng, int32_t dtype, WholeTensor* tensor);
// Integers of magnitude up to `bound`. REQUIRES: exact in the dtype.
void FillWithIntegers(std::mt19937* rng, int32_t dtype, int bound,
                      WholeTensor* tensor);

// The positions that rank r holds, in its order.
std::vector<int64_t> PositionsOf(const FlatPlan& plan, int32_t r);

// Those rows, in that order, and heads [head, head + heads) as a tensor of
// `layout`.
WholeTensor Slice(const WholeTensor& whole, const std::vector<int64_t>& rows,
                  int64_t head, int64_t heads, int32_t layout);
// Rows [row, row + rows) and heads [head, head + heads).
WholeTensor Slice(const WholeTensor& whole, int64_t row, int64_t rows,
                  int64_t head, int64_t heads, int32_t layout);
// The reverse: overwrites those rows and heads of *whole.
void Put(const WholeTensor& part, const std::vector<int64_t>& rows,
         int64_t head, WholeTensor* whole);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_TESTING_SLICE_H_
