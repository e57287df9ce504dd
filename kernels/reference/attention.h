// Multi-head attention on the CPU, with grouped key/value heads and any subset
// of heads.
//
// Used by the demo and the tests: once per rank on the heads that a plan gives
// it, and once on all heads as the oracle. Pure functions; thread-safe.
//
// A head's output has the same bits whichever other heads are computed with it,
// on however many ranks or threads, and on every x86-64 machine. So two runs
// that differ only in how heads were spread over ranks must agree exactly.
#ifndef ITHACA_KERNELS_REFERENCE_ATTENTION_H_
#define ITHACA_KERNELS_REFERENCE_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

struct AttentionSpec {
  int32_t dtype = ITHACA_ULYSSES_BF16;  // of q, k, v, o and their gradients
  int32_t layout = ITHACA_ULYSSES_BATCH_FIRST;
  int64_t batch = 1;
  int64_t tokens = 0;        // S, pad included
  int64_t valid_tokens = 0;  // the first so many are real; the rest is pad
  int64_t head_size = 0;     // d
  int32_t num_q_heads = 0;   // H and Hkv of the model; Hkv divides H
  int32_t num_kv_heads = 0;
  // Model-wide numbers of the heads that the tensors hold, in the tensors'
  // order. Query head h uses KV head h / (H / Hkv), which must be in kv_heads.
  std::vector<int32_t> q_heads;
  std::vector<int32_t> kv_heads;
  bool causal = true;  // token i sees the tokens 0 .. i, else all valid ones
  double softmax_scale = 0.0;  // 0 stands for 1 / sqrt(d)
  int threads = 1;             // at most; the result does not depend on it

  // Sets both lists to every head of the model.
  void UseAllHeads();
};

// softmax(q k^T * scale) v. Shapes: q, o [b, S, |q_heads|, d]; k, v [b, S,
// |kv_heads|, d], or sequence first. Accumulates in fp32 with an online softmax
// in tiles of 64 x 64, rounds once to the dtype. Rows of pad tokens become
// zero; pad keys are not seen. An infinity or NaN in v may also reach earlier
// tokens within 63 of it. Returns an ithaca_ulysses_status, with the reason in
// *error unless NULL; o is untouched on failure. Throws nothing.
int32_t AttentionForward(const AttentionSpec& spec, const void* q,
                         const void* k, const void* v, void* o,
                         ithaca_ulysses_error* error);

// What AttentionForward checks of a spec. For the other users of AttentionSpec.
int32_t CheckAttentionSpec(const AttentionSpec& spec,
                           ithaca_ulysses_error* error);

// Position in spec.kv_heads of the KV head of spec.q_heads[q_index].
// REQUIRES: CheckAttentionSpec succeeded.
int32_t KvIndexOf(const AttentionSpec& spec, int32_t q_index);

// Element offset of (batch bi, token s, head `head` of `heads`) in a tensor of
// the spec.
int64_t ElementOffset(const AttentionSpec& spec, int64_t bi, int64_t s,
                      int64_t head, int64_t heads);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_ATTENTION_H_
