// Builds the table of a pack or unpack from a checked plan.
//
// Used by the CUDA calls of the C API and the tests. Pure; any thread.
#ifndef ITHACA_KERNELS_CUDA_STEP_TABLE_BUILDER_H_
#define ITHACA_KERNELS_CUDA_STEP_TABLE_BUILDER_H_

#include <cstdint>
#include <vector>

#include "kernels/cuda/step_table.h"
#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {

// The table, aligned to 16 bytes by being whole units of 16; `side` is an
// ithaca_ulysses_side. UNSUPPORTED when a row of one peer is 2 GiB or more, or
// there are 2^32 parts, ranges or sources; the message says which.
int32_t BuildStepTable(const Geometry& geometry, const StepShape& step,
                       int32_t side, std::vector<char>* table,
                       ithaca_ulysses_error* error);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_STEP_TABLE_BUILDER_H_
