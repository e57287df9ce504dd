// Adds the gradients that several ranks send for one KV head.
//
// Used by the unpack of SEQ_TO_HEADS_BACKWARD. Pure function; thread-safe, no
// allocation.
#ifndef ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_
#define ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_

#include <cstdint>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/strided_copy.h"

namespace ithaca::ulysses {

// Where one rank's gradients lie in its message: wire row w of dk starts at
// part_offset[0] + w * row_bytes, that of dv at part_offset[1] + w * row_bytes.
struct Contribution {
  int32_t rank = 0;
  uint64_t row_bytes = 0;
  uint64_t part_offset[2] = {0, 0};
};

// out[i] = round(x_0[i] + x_1[i] + ...) for the rows of `run` in `tensor`,
// where row s of x_c is wire row first_row + s of contribution c in
// messages[c.rank]; added in fp32 in that order, rounded once to the dtype.
// With one contribution a copy of its bits. `part` is 0 for dk, 1 for dv;
// run's wire fields are not used. REQUIRES: count >= 2; dtype is an
// ithaca_ulysses_dtype; no message overlaps the tensor.
void SumRows(int32_t dtype, const Contribution* contributions, int32_t count,
             const ithaca_ulysses_const_span* messages, int part,
             uint64_t first_row, const RowRun& run, void* tensor);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_
