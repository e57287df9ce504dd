#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <numeric>

#include "kernels/reference/attention.h"
#include "kernels/reference/error.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

int32_t CheckSizes(const AttentionSpec& s, ithaca_ulysses_error* error) {
  if (ElementBytes(s.dtype) == 0) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "dtype is %d, expected 1 (f32), 2 (bf16) or 3 (f16)", s.dtype);
  }
  if (s.layout != ITHACA_ULYSSES_BATCH_FIRST &&
      s.layout != ITHACA_ULYSSES_SEQUENCE_FIRST) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "layout is %d, expected 1 (batch first) or 2 (sequence first)",
                s.layout);
  }
  if (s.batch < 1 || s.tokens < 0 || s.valid_tokens < 0 ||
      s.valid_tokens > s.tokens) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "batch %" PRId64 ", tokens %" PRId64 ", valid_tokens %" PRId64
                ": expected batch >= 1 and 0 <= valid_tokens <= tokens",
                s.batch, s.tokens, s.valid_tokens);
  }
  if (s.head_size < 1 || s.head_size > ITHACA_ULYSSES_MAX_HEAD_SIZE) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "head_size is %" PRId64 ", expected 1 to %d", s.head_size,
                ITHACA_ULYSSES_MAX_HEAD_SIZE);
  }
  if (!std::isfinite(s.softmax_scale) || s.threads < 1) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "softmax_scale %g must be finite and threads %d at least 1",
                s.softmax_scale, s.threads);
  }
  return ITHACA_ULYSSES_OK;
}

int32_t CheckHeads(const AttentionSpec& s, ithaca_ulysses_error* error) {
  if (s.num_kv_heads < 1 || s.num_q_heads < s.num_kv_heads ||
      s.num_q_heads > ITHACA_ULYSSES_MAX_HEADS ||
      s.num_q_heads % s.num_kv_heads != 0) {
    return Fail(
        error, ITHACA_ULYSSES_INVALID_ARGUMENT,
        "%d query heads on %d KV heads: expected a multiple, at most %d",
        s.num_q_heads, s.num_kv_heads, ITHACA_ULYSSES_MAX_HEADS);
  }
  for (int32_t h : s.kv_heads) {
    if (h >= 0 && h < s.num_kv_heads) continue;
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "kv_heads names head %d of %d", h, s.num_kv_heads);
  }
  const int32_t group = s.num_q_heads / s.num_kv_heads;
  for (int32_t h : s.q_heads) {
    if (h < 0 || h >= s.num_q_heads) {
      return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                  "q_heads names head %d of %d", h, s.num_q_heads);
    }
    if (std::find(s.kv_heads.begin(), s.kv_heads.end(), h / group) ==
        s.kv_heads.end()) {
      return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                  "query head %d needs KV head %d, which kv_heads lacks", h,
                  h / group);
    }
  }
  return ITHACA_ULYSSES_OK;
}

}  // namespace

void AttentionSpec::UseAllHeads() {
  q_heads.resize(num_q_heads);
  kv_heads.resize(num_kv_heads);
  std::iota(q_heads.begin(), q_heads.end(), 0);
  std::iota(kv_heads.begin(), kv_heads.end(), 0);
}

int32_t CheckAttentionSpec(const AttentionSpec& spec,
                           ithaca_ulysses_error* error) {
  if (int32_t code = CheckSizes(spec, error)) return code;
  if (int32_t code = CheckHeads(spec, error)) return code;
  return Ok(error);
}

int32_t KvIndexOf(const AttentionSpec& spec, int32_t q_index) {
  const int32_t group = spec.num_q_heads / spec.num_kv_heads;
  const auto& list = spec.kv_heads;
  return static_cast<int32_t>(
      std::find(list.begin(), list.end(), spec.q_heads[q_index] / group) -
      list.begin());
}

int64_t ElementOffset(const AttentionSpec& spec, int64_t bi, int64_t s,
                      int64_t head, int64_t heads) {
  const int64_t token = spec.layout == ITHACA_ULYSSES_BATCH_FIRST
                            ? bi * spec.tokens + s
                            : s * spec.batch + bi;
  return (token * heads + head) * spec.head_size;
}

}  // namespace ithaca::ulysses
