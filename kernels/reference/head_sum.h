// Adds the gradients that several ranks send for one KV head.
//
// Used by the unpack of SEQ_TO_HEADS_BACKWARD. Pure function; thread-safe, no
// allocation.
#ifndef ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_
#define ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_

#include <cstdint>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

// Where one rank's gradients lie in its message: wire row w of dk starts at
// part_offset[0] + w * row_bytes, that of dv at part_offset[1] + w * row_bytes.
struct Contribution {
  int32_t rank = 0;
  uint64_t row_bytes = 0;
  uint64_t part_offset[2] = {0, 0};
};

// out[i] = round(x_0[i] + x_1[i] + ...), i < elements, where x_c is row
// `wire_row` of contribution c in messages[c.rank]; added in fp32 in that
// order, rounded once to the dtype. `part` is 0 for dk, 1 for dv. REQUIRES:
// count >= 1; dtype is an ithaca_ulysses_dtype; out overlaps no message.
void SumRow(int32_t dtype, const Contribution* contributions, int32_t count,
            const ithaca_ulysses_const_span* messages, int part,
            uint64_t wire_row, int64_t elements, void* out);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_
