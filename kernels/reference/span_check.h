// Checks the memory that a caller hands to pack and unpack against the plan.
//
// Used by the C API alone. Pure functions; thread-safe, no allocation.
#ifndef ITHACA_KERNELS_REFERENCE_SPAN_CHECK_H_
#define ITHACA_KERNELS_REFERENCE_SPAN_CHECK_H_

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {

// Counts, sizes, NULL, alignment to the element size, and outputs that overlap
// an input. Outputs that overlap each other are not looked for.
int32_t CheckPackSpans(const Geometry& geometry, const StepShape& step,
                       const ithaca_ulysses_const_span* tensors,
                       int32_t num_tensors, const ithaca_ulysses_span* messages,
                       int32_t num_messages, ithaca_ulysses_error* error);
int32_t CheckUnpackSpans(const Geometry& geometry, const StepShape& step,
                         const ithaca_ulysses_const_span* messages,
                         int32_t num_messages,
                         const ithaca_ulysses_span* tensors,
                         int32_t num_tensors, ithaca_ulysses_error* error);

// The same for messages that lie in one buffer, one behind the other; `data`
// may be NULL when `bytes` is 0. The tensors are those of `side`.
int32_t CheckBufferSpans(const Geometry& geometry, const StepShape& step,
                         int32_t side, const ithaca_ulysses_const_span* tensors,
                         int32_t num_tensors, ithaca_ulysses_const_span buffer,
                         ithaca_ulysses_error* error);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_SPAN_CHECK_H_
