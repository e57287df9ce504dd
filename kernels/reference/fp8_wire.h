// Rows of a tensor as FP8 on the wire, and back; the format stands in
// kernels/api/ithaca_ulysses.h under "Quantised wire".
//
// Used by the exchange. Pure functions; thread-safe, no allocation.
#ifndef ITHACA_KERNELS_REFERENCE_FP8_WIRE_H_
#define ITHACA_KERNELS_REFERENCE_FP8_WIRE_H_

#include <cstdint>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

// Rows of `heads` heads that lie strided in a tensor, and one behind the other
// on the wire from row `wire_row` of a part on.
struct Fp8Rows {
  int32_t dtype = 0;  // an ithaca_ulysses_dtype
  int64_t head_size = 0;
  int64_t heads = 0;
  int64_t rows = 0;
  uint64_t tensor_offset = 0;  // bytes
  uint64_t row_stride = 0;     // bytes
  int64_t wire_row = 0;
};

// A part of a message, whose rows have `heads` heads; the rows' first is its
// head `first_head`.
struct Fp8Part {
  int32_t message = 0;  // which of the messages
  int64_t heads = 0;
  int64_t first_head = 0;
  uint64_t scales = 0;    // bytes from the message's start
  uint64_t elements = 0;  // bytes from the message's start
};

// Writes the rows' elements and scales. REQUIRES: part.heads == rows.heads.
void QuantiseRows(const Fp8Rows& rows, const Fp8Part& part, const void* tensor,
                  void* message);

// tensor[i] = round(x_0[i] + x_1[i] + ...), where x_c is what parts[c] carries:
// added in fp32 in that order, rounded once to the dtype. `count` is at least
// 1.
void DequantiseRows(const Fp8Rows& rows, const Fp8Part* parts, int32_t count,
                    const ithaca_ulysses_const_span* messages, void* tensor);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_FP8_WIRE_H_
