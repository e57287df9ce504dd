// BuildGeometry: the only reader of a plan. It copies the struct and each array
// once, and then checks the copies, so that a plan that changes underneath
// cannot pass a check with one value and be used with another.
#include <algorithm>
#include <cinttypes>
#include <cstddef>

#include "kernels/reference/checks.h"
#include "kernels/reference/float_convert.h"
#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {
namespace {

constexpr uint32_t kPlanBytesV1 = 112;
constexpr uint32_t kPlanBytesV2 = 120;
static_assert(sizeof(void*) == 8,
              "the plan's layout is stated for 64-bit pointers");
static_assert(sizeof(ithaca_ulysses_plan) == kPlanBytesV2,
              "fields are only ever appended");
static_assert(offsetof(ithaca_ulysses_plan, plan_hash_bytes) == 44);
static_assert(offsetof(ithaca_ulysses_plan, rank_rows) == 48);
static_assert(offsetof(ithaca_ulysses_plan, token_order_params) == 104);
static_assert(offsetof(ithaca_ulysses_plan, wire) == 112);
static_assert(sizeof(ithaca_ulysses_error) == 256);

int32_t CheckRange(const char* field, int64_t value, int64_t low, int64_t high,
                   ithaca_ulysses_error* error) {
  if (value >= low && value <= high) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "plan.%s is %" PRId64 ", expected %" PRId64 " to %" PRId64, field,
              value, low, high);
}

int32_t CheckEnums(const ithaca_ulysses_plan& plan,
                   ithaca_ulysses_error* error) {
  if (ElementBytes(plan.dtype) == 0) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.dtype is %d, expected 1 (f32), 2 (bf16) or 3 (f16)",
                plan.dtype);
  }
  if (plan.layout < ITHACA_ULYSSES_BATCH_FIRST ||
      plan.layout > ITHACA_ULYSSES_PACKED) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.layout is %d, expected 1 (batch first), 2 (sequence "
                "first) or 3 (packed)",
                plan.layout);
  }
  if (plan.token_order != ITHACA_ULYSSES_TOKENS_CONTIGUOUS &&
      plan.token_order != ITHACA_ULYSSES_TOKENS_RANGES) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.token_order is %d, expected 1 (contiguous) or 2 (ranges)",
                plan.token_order);
  }
  if (plan.token_order == ITHACA_ULYSSES_TOKENS_CONTIGUOUS &&
      plan.token_order_params != nullptr) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.token_order_params must be NULL for contiguous tokens");
  }
  if (plan.wire != ITHACA_ULYSSES_WIRE_EXACT &&
      plan.wire != ITHACA_ULYSSES_WIRE_FP8_E4M3) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.wire is %d, expected 0 (exact) or 1 (FP8 e4m3)",
                plan.wire);
  }
  if (plan.reserved != 0) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.reserved is %d, expected 0", plan.reserved);
  }
  return ITHACA_ULYSSES_OK;
}

int32_t CheckScalars(const ithaca_ulysses_plan& plan,
                     ithaca_ulysses_error* error) {
  struct {
    const char* field;
    int64_t value, low, high;
  } const checks[] = {
      {"num_ranks", plan.num_ranks, 1, ITHACA_ULYSSES_MAX_RANKS},
      {"my_rank", plan.my_rank, 0, static_cast<int64_t>(plan.num_ranks) - 1},
      {"batch", plan.batch, 1, INT32_MAX},
      {"head_size", plan.head_size, 1, ITHACA_ULYSSES_MAX_HEAD_SIZE},
      {"num_q_heads", plan.num_q_heads, 1, ITHACA_ULYSSES_MAX_HEADS},
      {"num_kv_heads", plan.num_kv_heads, 1, plan.num_q_heads},
      {"plan_hash_bytes", plan.plan_hash_bytes, 0,
       ITHACA_ULYSSES_MAX_PLAN_HASH_BYTES},
  };
  for (const auto& c : checks) {
    if (int32_t code = CheckRange(c.field, c.value, c.low, c.high, error))
      return code;
  }
  if (plan.num_q_heads % plan.num_kv_heads != 0) {
    return Fail(
        error, ITHACA_ULYSSES_INVALID_PLAN,
        "plan.num_q_heads is %d, expected a multiple of num_kv_heads %d",
        plan.num_q_heads, plan.num_kv_heads);
  }
  if (plan.layout == ITHACA_ULYSSES_PACKED && plan.batch != 1) {
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "plan.batch is %d, expected 1: the packed layout has one row "
                "of tokens",
                plan.batch);
  }
  return ITHACA_ULYSSES_OK;
}

int32_t CheckPointers(const ithaca_ulysses_plan& plan,
                      ithaca_ulysses_error* error) {
  if (int32_t c = CheckPointer("plan.rank_rows", plan.rank_rows, error))
    return c;
  if (int32_t c = CheckPointer("plan.q_head_start", plan.q_head_start, error))
    return c;
  if (int32_t c = CheckPointer("plan.q_head_count", plan.q_head_count, error))
    return c;
  if (int32_t c = CheckPointer("plan.kv_offsets", plan.kv_offsets, error))
    return c;
  if (int32_t c = CheckPointer("plan.kv_heads", plan.kv_heads, error)) return c;
  if (plan.plan_hash_bytes == 0) return ITHACA_ULYSSES_OK;
  return CheckPointer("plan.plan_hash", plan.plan_hash, error);
}

int32_t ReadQueryHeads(const ithaca_ulysses_plan& plan, Geometry* g,
                       ithaca_ulysses_error* error) {
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    HeadRange& q = g->ranks[r].q;
    q = {plan.q_head_start[r], plan.q_head_count[r]};
    if (q.start < 0 || q.count < 0) {
      return Fail(
          error, ITHACA_ULYSSES_INVALID_PLAN,
          "rank %d: q_head_start %d and q_head_count %d may not be negative", r,
          q.start, q.count);
    }
  }
  return ITHACA_ULYSSES_OK;
}

// K_r = { floor(q / G) : q in Q_r }, a range because Q_r is one.
HeadRange KvHeadsOf(HeadRange q, int32_t group) {
  if (q.count == 0) return {};
  const int32_t first = q.start / group;
  return {first, (q.start + q.count - 1) / group - first + 1};
}

int32_t CheckKvList(int32_t rank, HeadRange q, HeadRange expected,
                    const int32_t* list, int32_t length,
                    ithaca_ulysses_error* error) {
  for (int32_t i = 0; i < std::min(length, expected.count); ++i) {
    const int32_t head = list[i];
    if (head == expected.start + i) continue;
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "rank %d: entry %d of its kv_heads is %d, expected %d: query "
                "heads [%d, %d) need "
                "KV heads [%d, %d), ascending",
                rank, i, head, expected.start + i, q.start, q.start + q.count,
                expected.start, expected.start + expected.count);
  }
  if (length == expected.count) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "rank %d lists %d KV heads, expected %d: query heads [%d, %d) "
              "need exactly KV heads "
              "[%d, %d)",
              rank, length, expected.count, q.start, q.start + q.count,
              expected.start, expected.start + expected.count);
}

int32_t ReadKvHeads(const ithaca_ulysses_plan& plan, Geometry* g,
                    ithaca_ulysses_error* error) {
  int32_t begin = plan.kv_offsets[0];
  if (begin != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "plan.kv_offsets[0] is %d, expected 0", begin);
  }
  const int32_t group = plan.num_q_heads / plan.num_kv_heads;
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    const int32_t end = plan.kv_offsets[r + 1];
    if (end < begin || end > plan.kv_heads_length) {
      return Fail(
          error, ITHACA_ULYSSES_INVALID_PLAN,
          "plan.kv_offsets[%d] is %d, expected %d to kv_heads_length %d", r + 1,
          end, begin, plan.kv_heads_length);
    }
    RankPart& part = g->ranks[r];
    part.kv = KvHeadsOf(part.q, group);
    if (int32_t code = CheckKvList(r, part.q, part.kv, plan.kv_heads + begin,
                                   end - begin, error)) {
      return code;
    }
    begin = end;
  }
  if (begin == plan.kv_heads_length) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "plan.kv_offsets[%d] is %d, expected kv_heads_length %d",
              plan.num_ranks, begin, plan.kv_heads_length);
}

// Every tensor, message and sum of messages is at most three times
// batch * S * (H + P) * d * e, as at most P - 1 KV heads are held twice.
int32_t CheckSizes(const Geometry& g, ithaca_ulysses_error* error) {
  uint64_t bytes = 3;
  const uint64_t factors[] = {
      static_cast<uint64_t>(g.batch), static_cast<uint64_t>(g.total_rows),
      static_cast<uint64_t>(g.num_q_heads) + g.ranks.size(),
      // A quantised wire takes up to 8 bytes more for each token and head.
      static_cast<uint64_t>(g.head_size) * g.element_bytes + 8};
  for (uint64_t f : factors) {
    if (__builtin_mul_overflow(bytes, f, &bytes) || bytes > kMaxBytes) {
      return Fail(error, ITHACA_ULYSSES_TOO_LARGE,
                  "batch %" PRId64 " * tokens %" PRId64
                  " * heads %d * head_size %" PRId64 " * %" PRIu64
                  " bytes leaves 62 bits",
                  g.batch, g.total_rows, g.num_q_heads, g.head_size,
                  g.element_bytes);
    }
  }
  return ITHACA_ULYSSES_OK;
}

void ReadScalars(const ithaca_ulysses_plan& plan, Geometry* g) {
  g->dtype = plan.dtype;
  g->layout = plan.layout;
  g->my_rank = plan.my_rank;
  g->batch = plan.batch;
  g->head_size = plan.head_size;
  g->num_q_heads = plan.num_q_heads;
  g->num_kv_heads = plan.num_kv_heads;
  g->element_bytes = ElementBytes(plan.dtype);
  g->quantised = plan.wire == ITHACA_ULYSSES_WIRE_FP8_E4M3;
  g->ranks.assign(plan.num_ranks, RankPart());
  if (plan.plan_hash_bytes > 0) {
    g->plan_hash.assign(plan.plan_hash, plan.plan_hash + plan.plan_hash_bytes);
  } else {
    g->plan_hash.clear();
  }
}

}  // namespace

int32_t BuildGeometry(const ithaca_ulysses_plan* plan, Geometry* geometry,
                      ithaca_ulysses_error* error) {
  ithaca_ulysses_plan p;
  if (int32_t code = CopyVersioned("plan", plan, kPlanBytesV1, &p, error))
    return code;
  if (int32_t code = CheckEnums(p, error)) return code;
  if (int32_t code = CheckScalars(p, error)) return code;
  if (int32_t code = CheckPointers(p, error)) return code;
  ReadScalars(p, geometry);
  const auto& ranks = geometry->ranks;
  if (int32_t code = ReadTokens(p, geometry, error)) return code;
  if (int32_t code = ReadQueryHeads(p, geometry, error)) return code;
  if (int32_t code = CheckTiling(
          "rank", "query heads", p.num_ranks, p.num_q_heads,
          [&](int64_t r) { return ranks[r].q.start; },
          [&](int64_t r) { return ranks[r].q.count; }, error)) {
    return code;
  }
  if (int32_t code = ReadKvHeads(p, geometry, error)) return code;
  if (int32_t code = CheckSizes(*geometry, error)) return code;
  return Ok(error);
}

}  // namespace ithaca::ulysses
