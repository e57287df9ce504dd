// Adds the gradients that several ranks send for one KV head.
//
// Used by the unpack of SEQ_TO_HEADS_BACKWARD. Pure functions; thread-safe, no
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

struct SumArgs {
  int32_t dtype = 0;                            // an ithaca_ulysses_dtype
  const Contribution* contributions = nullptr;  // in the order of the sum
  int32_t count = 0;                            // of them, at least 2
  const ithaca_ulysses_const_span* messages = nullptr;  // by rank
  int part = 0;                                         // 0 dk, 1 dv
  uint64_t first_row = 0;  // wire row of the first row
  RowRun run;              // the rows; its wire fields are not used
  void* tensor = nullptr;  // overlaps no message
};

// tensor[i] = round(x_0[i] + x_1[i] + ...) for the rows of the run, where row s
// of x_c is wire row first_row + s of contribution c in messages[c.rank]; added
// in fp32 in that order, rounded once to the dtype. The bits do not depend on
// the processor, but for the payload of NaNs.
void SumRows(const SumArgs& args);

// The same for one instruction set each. REQUIRES: the processor has it.
void SumRowsSse2(const SumArgs& args);
void SumRowsAvx2(const SumArgs& args);
void SumRowsAvx512(const SumArgs& args);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_HEAD_SUM_H_
