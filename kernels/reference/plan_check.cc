// BuildGeometry: the only reader of a plan. It copies the struct and each array
// once, and then checks the copies, so that a plan that changes underneath
// cannot pass a check with one value and be used with another.
#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstring>
#include <numeric>

#include "kernels/reference/error.h"
#include "kernels/reference/float_convert.h"
#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {
namespace {

constexpr uint32_t kPlanBytesV1 = 112;
constexpr uint32_t kMaxPlanBytes = 4096;
constexpr uint64_t kMaxBytes = uint64_t{1} << 62;
static_assert(sizeof(void*) == 8,
              "the plan's layout is stated for 64-bit pointers");
static_assert(sizeof(ithaca_ulysses_plan) == kPlanBytesV1,
              "fields are only ever appended");
static_assert(offsetof(ithaca_ulysses_plan, plan_hash_bytes) == 44);
static_assert(offsetof(ithaca_ulysses_plan, rank_rows) == 48);
static_assert(offsetof(ithaca_ulysses_plan, token_order_params) == 104);
static_assert(sizeof(ithaca_ulysses_error) == 256);

template <typename T>
bool Aligned(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % alignof(T) == 0;
}

int32_t CopyStruct(const ithaca_ulysses_plan* plan, ithaca_ulysses_plan* copy,
                   ithaca_ulysses_error* error) {
  if (plan == nullptr)
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "plan is NULL");
  if (!Aligned(plan)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "plan is not aligned to %zu bytes",
                alignof(ithaca_ulysses_plan));
  }
  const uint32_t size = plan->struct_size;
  if (size < kPlanBytesV1 || size > kMaxPlanBytes) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "plan.struct_size is %u, expected %u to %u: set it to "
                "sizeof(ithaca_ulysses_plan)",
                size, kPlanBytesV1, kMaxPlanBytes);
  }
  *copy = ithaca_ulysses_plan();
  memcpy(copy, plan, sizeof(*copy));
  const auto* bytes = reinterpret_cast<const unsigned char*>(plan);
  for (uint32_t i = sizeof(*copy); i < size; ++i) {
    if (bytes[i] != 0) {
      return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                  "byte %u of the plan is set, but API version %d of this "
                  "library knows "
                  "only %zu bytes: use a newer libithaca_ulysses.so",
                  i, ITHACA_ULYSSES_API_VERSION, sizeof(*copy));
    }
  }
  return ITHACA_ULYSSES_OK;
}

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
  if (plan.layout != ITHACA_ULYSSES_BATCH_FIRST &&
      plan.layout != ITHACA_ULYSSES_SEQUENCE_FIRST) {
    return Fail(
        error, ITHACA_ULYSSES_UNSUPPORTED,
        "plan.layout is %d, expected 1 (batch first) or 2 (sequence first)",
        plan.layout);
  }
  if (plan.token_order != ITHACA_ULYSSES_TOKENS_CONTIGUOUS) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.token_order is %d, expected 1 (contiguous)",
                plan.token_order);
  }
  if (plan.token_order_params != nullptr) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.token_order_params must be NULL for contiguous tokens");
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
  return ITHACA_ULYSSES_OK;
}

template <typename T>
int32_t CheckPointer(const char* field, const T* pointer,
                     ithaca_ulysses_error* error) {
  if (pointer == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "plan.%s is NULL",
                field);
  }
  if (!Aligned(pointer)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "plan.%s is not aligned to %zu bytes", field, alignof(T));
  }
  return ITHACA_ULYSSES_OK;
}

int32_t CheckPointers(const ithaca_ulysses_plan& plan,
                      ithaca_ulysses_error* error) {
  if (int32_t c = CheckPointer("rank_rows", plan.rank_rows, error)) return c;
  if (int32_t c = CheckPointer("rank_row_offset", plan.rank_row_offset, error))
    return c;
  if (int32_t c = CheckPointer("q_head_start", plan.q_head_start, error))
    return c;
  if (int32_t c = CheckPointer("q_head_count", plan.q_head_count, error))
    return c;
  if (int32_t c = CheckPointer("kv_offsets", plan.kv_offsets, error)) return c;
  if (int32_t c = CheckPointer("kv_heads", plan.kv_heads, error)) return c;
  if (plan.plan_hash_bytes == 0) return ITHACA_ULYSSES_OK;
  return CheckPointer("plan_hash", plan.plan_hash, error);
}

// Adds `value` to *sum; an error when the sum leaves 62 bits.
bool AddChecked(int64_t value, int64_t* sum) {
  return !__builtin_add_overflow(*sum, value, sum) &&
         *sum <= static_cast<int64_t>(kMaxBytes);
}

int32_t ReadRows(const ithaca_ulysses_plan& plan, Geometry* g,
                 ithaca_ulysses_error* error) {
  g->total_rows = 0;
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    RankPart& part = g->ranks[r];
    part.rows = plan.rank_rows[r];
    part.row_offset = plan.rank_row_offset[r];
    if (part.rows < 0 || part.row_offset < 0) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "rank %d: rows %" PRId64 " at offset %" PRId64
                  ", neither may be negative",
                  r, part.rows, part.row_offset);
    }
    if (!AddChecked(part.rows, &g->total_rows)) {
      return Fail(error, ITHACA_ULYSSES_TOO_LARGE,
                  "rank %d: the sum of rows leaves 62 bits", r);
    }
  }
  return ITHACA_ULYSSES_OK;
}

// Ranks in ascending order of `start`; among equals the empty ones first.
template <typename Start, typename Count>
std::vector<int32_t> Ascending(int32_t n, Start start, Count count) {
  std::vector<int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    if (start(a) != start(b)) return start(a) < start(b);
    return count(a) != count(b) ? count(a) < count(b) : a < b;
  });
  return order;
}

// The ranges [start(r), start(r) + count(r)) of all ranks must tile [0, total).
template <typename Start, typename Count>
int32_t CheckTiling(const char* what, int32_t n, int64_t total, Start start,
                    Count count, ithaca_ulysses_error* error) {
  int64_t next = 0;
  for (int32_t r : Ascending(n, start, count)) {
    const int64_t s = start(r), c = count(r);
    if (s != next) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "rank %d: %s start at %" PRId64 ", expected %" PRId64
                  ": the ranks' %s must tile [0, %" PRId64
                  ") without gap or overlap",
                  r, what, s, next, what, total);
    }
    if (c > total - next) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "rank %d: %s [%" PRId64 ", +%" PRId64 ") end behind %" PRId64,
                  r, what, s, c, total);
    }
    next += c;
  }
  if (next == total) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "the ranks' %s cover %" PRId64 ", expected %" PRId64, what, next,
              total);
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
      static_cast<uint64_t>(g.head_size), g.element_bytes};
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
  if (int32_t code = CopyStruct(plan, &p, error)) return code;
  if (int32_t code = CheckEnums(p, error)) return code;
  if (int32_t code = CheckScalars(p, error)) return code;
  if (int32_t code = CheckPointers(p, error)) return code;
  ReadScalars(p, geometry);
  const auto& ranks = geometry->ranks;
  if (int32_t code = ReadRows(p, geometry, error)) return code;
  if (int32_t code = CheckTiling(
          "tokens", p.num_ranks, geometry->total_rows,
          [&](int32_t r) { return ranks[r].row_offset; },
          [&](int32_t r) { return ranks[r].rows; }, error)) {
    return code;
  }
  if (int32_t code = ReadQueryHeads(p, geometry, error)) return code;
  if (int32_t code = CheckTiling(
          "query heads", p.num_ranks, p.num_q_heads,
          [&](int32_t r) { return ranks[r].q.start; },
          [&](int32_t r) { return ranks[r].q.count; }, error)) {
    return code;
  }
  if (int32_t code = ReadKvHeads(p, geometry, error)) return code;
  if (int32_t code = CheckSizes(*geometry, error)) return code;
  return Ok(error);
}

}  // namespace ithaca::ulysses
