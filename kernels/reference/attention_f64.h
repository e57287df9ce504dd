// Attention and its gradients by their definitions, in double precision.
//
// Used by tests: the oracle of AttentionForward and the local backward of an
// end-to-end exchange. Cost O(S^2 d) per head without blocking, for small
// sizes. Pure functions; thread-safe.
#ifndef ITHACA_KERNELS_REFERENCE_ATTENTION_F64_H_
#define ITHACA_KERNELS_REFERENCE_ATTENTION_F64_H_

#include <cstdint>
#include <vector>

#include "kernels/reference/attention.h"

namespace ithaca::ulysses {

// In the shapes of q, k and v, not rounded to the dtype.
struct AttentionGradients {
  std::vector<double> dq, dk, dv;
};

// o = softmax(q k^T * scale) v of a spec's tensors, in the shape of o, not
// rounded. Zero in the rows of pad. REQUIRES: CheckAttentionSpec(spec)
// succeeds; q, k, v are as it says.
std::vector<double> AttentionForwardF64(const AttentionSpec& spec,
                                        const void* q, const void* k,
                                        const void* v);

// Gradients of sum(o * grad_o). With p the softmax and D_i = sum_c o_ic *
// do_ic: dv = p^T do, ds_ij = p_ij (do_i . v_j - D_i), dq = scale * ds k, dk =
// scale * ds^T q; dk and dv summed over the query heads in the spec that share
// the KV head. grad_o has the dtype and shape of o; its pad rows are not read.
// Pad rows become zero.
AttentionGradients AttentionBackwardF64(const AttentionSpec& spec,
                                        const void* q, const void* k,
                                        const void* v, const void* grad_o);

// Rounds to float and that to the dtype, each to nearest even. out has room for
// values.size() elements.
void RoundToDtype(int32_t dtype, const std::vector<double>& values, void* out);

// The values of `count` elements of the dtype.
std::vector<double> ToDoubles(int32_t dtype, const void* data, int64_t count);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_ATTENTION_F64_H_
