// ReadTokens: who holds which positions. Reads each array of the caller once
// and checks the copies.
#include <cinttypes>
#include <cstddef>

#include "kernels/reference/checks.h"
#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {
namespace {

constexpr uint32_t kRangesBytesV2 = 48;
static_assert(sizeof(ithaca_ulysses_token_ranges) == kRangesBytesV2,
              "fields are only ever appended");
static_assert(offsetof(ithaca_ulysses_token_ranges, offsets) == 16);
// Combs of several strides are checked with one bit for each position.
constexpr int64_t kMaxStridedTokens = int64_t{1} << 28;

int32_t ReadRows(const ithaca_ulysses_plan& plan, Geometry* g,
                 ithaca_ulysses_error* error) {
  g->total_rows = 0;
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    RankPart& part = g->ranks[r];
    part.rows = plan.rank_rows[r];
    if (part.rows < 0) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "rank %d: rows %" PRId64 " may not be negative", r,
                  part.rows);
    }
    if (__builtin_add_overflow(g->total_rows, part.rows, &g->total_rows) ||
        g->total_rows > static_cast<int64_t>(kMaxBytes)) {
      return Fail(error, ITHACA_ULYSSES_TOO_LARGE,
                  "rank %d: the sum of rows leaves 62 bits", r);
    }
  }
  return ITHACA_ULYSSES_OK;
}

int32_t ReadContiguous(const ithaca_ulysses_plan& plan, Geometry* g,
                       ithaca_ulysses_error* error) {
  if (int32_t code =
          CheckPointer("plan.rank_row_offset", plan.rank_row_offset, error)) {
    return code;
  }
  std::vector<int64_t> offsets(plan.rank_row_offset,
                               plan.rank_row_offset + plan.num_ranks);
  if (int32_t code = CheckTiling(
          "rank", "tokens", plan.num_ranks, g->total_rows,
          [&](int64_t r) { return offsets[r]; },
          [&](int64_t r) { return g->ranks[r].rows; }, error)) {
    return code;
  }
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    RankPart& part = g->ranks[r];
    part.first_range = static_cast<int64_t>(g->token_ranges.size());
    part.num_ranges = part.rows > 0 ? 1 : 0;
    if (part.rows > 0) g->token_ranges.push_back({offsets[r], part.rows, 1});
  }
  return ITHACA_ULYSSES_OK;
}

// One range, which must lie in [0, total).
int32_t CheckRange(int64_t index, const TokenRange& range, int64_t total,
                   ithaca_ulysses_error* error) {
  const bool fits = range.start >= 0 && range.start < total &&
                    range.count >= 1 && range.stride >= 1 &&
                    range.count - 1 <= (total - 1 - range.start) / range.stride;
  if (fits) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "token range %" PRId64 ": start %" PRId64 ", count %" PRId64
              ", stride %" PRId64 " does not lie in [0, %" PRId64 ")",
              index, range.start, range.count, range.stride, total);
}

int32_t ReadRank(const ithaca_ulysses_token_ranges& ranges, int32_t r,
                 int64_t end, Geometry* g, ithaca_ulysses_error* error) {
  RankPart& part = g->ranks[r];
  part.first_range = static_cast<int64_t>(g->token_ranges.size());
  int64_t rows = 0;
  for (int64_t i = part.first_range; i < end; ++i) {
    const TokenRange range = {ranges.start[i], ranges.count[i],
                              ranges.stride[i]};
    if (int32_t code = CheckRange(i, range, g->total_rows, error)) return code;
    g->token_ranges.push_back(range);
    rows = range.count > part.rows - rows ? part.rows + 1 : rows + range.count;
    if (rows > part.rows) break;
  }
  part.num_ranges = end - part.first_range;
  if (rows == part.rows) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "rank %d: its token ranges hold %s than rank_rows %" PRId64, r,
              rows > part.rows ? "more" : "fewer", part.rows);
}

// The counts add up to `total`, so no position is missing if none is twice.
int32_t CheckStrided(const Geometry& g, ithaca_ulysses_error* error) {
  if (g.total_rows > kMaxStridedTokens) {
    return Fail(error, ITHACA_ULYSSES_TOO_LARGE,
                "%" PRId64 " tokens with strides, expected at most %" PRId64,
                g.total_rows, kMaxStridedTokens);
  }
  std::vector<bool> held(g.total_rows);
  for (size_t i = 0; i < g.token_ranges.size(); ++i) {
    const TokenRange& range = g.token_ranges[i];
    for (int64_t k = 0; k < range.count; ++k) {
      const int64_t position = range.start + k * range.stride;
      if (held[position]) {
        return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                    "token range %zu: position %" PRId64
                    " is held twice; every one of [0, %" PRId64
                    ") must be held once",
                    i, position, g.total_rows);
      }
      held[position] = true;
    }
  }
  return ITHACA_ULYSSES_OK;
}

int32_t CheckCover(const Geometry& g, ithaca_ulysses_error* error) {
  for (const TokenRange& range : g.token_ranges) {
    if (range.stride > 1) return CheckStrided(g, error);
  }
  return CheckTiling(
      "token range", "tokens", static_cast<int64_t>(g.token_ranges.size()),
      g.total_rows, [&](int64_t i) { return g.token_ranges[i].start; },
      [&](int64_t i) { return g.token_ranges[i].count; }, error);
}

int32_t CheckArrays(const ithaca_ulysses_token_ranges& ranges,
                    ithaca_ulysses_error* error) {
  if (ranges.reserved != 0) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "plan.token_order_params.reserved is %u, expected 0",
                ranges.reserved);
  }
  if (int32_t code = CheckPointer("plan.token_order_params.offsets",
                                  ranges.offsets, error)) {
    return code;
  }
  if (ranges.num_ranges == 0) return ITHACA_ULYSSES_OK;
  if (int32_t code =
          CheckPointer("plan.token_order_params.start", ranges.start, error))
    return code;
  if (int32_t code =
          CheckPointer("plan.token_order_params.count", ranges.count, error))
    return code;
  return CheckPointer("plan.token_order_params.stride", ranges.stride, error);
}

int32_t ReadRanges(const ithaca_ulysses_plan& plan, Geometry* g,
                   ithaca_ulysses_error* error) {
  if (plan.rank_row_offset != nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "plan.rank_row_offset must be NULL when token_order is 2 "
                "(ranges)");
  }
  ithaca_ulysses_token_ranges ranges;
  if (int32_t code =
          CopyVersioned("plan.token_order_params",
                        static_cast<const ithaca_ulysses_token_ranges*>(
                            plan.token_order_params),
                        kRangesBytesV2, &ranges, error)) {
    return code;
  }
  if (int32_t code = CheckArrays(ranges, error)) return code;
  int64_t begin = ranges.offsets[0];
  if (begin != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "plan.token_order_params.offsets[0] is %" PRId64 ", expected 0",
                begin);
  }
  for (int32_t r = 0; r < plan.num_ranks; ++r) {
    const int64_t end = ranges.offsets[r + 1];
    if (end < begin || end > ranges.num_ranges) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "plan.token_order_params.offsets[%d] is %" PRId64
                  ", expected %" PRId64 " to num_ranges %" PRId64,
                  r + 1, end, begin, ranges.num_ranges);
    }
    if (int32_t code = ReadRank(ranges, r, end, g, error)) return code;
    begin = end;
  }
  if (begin != ranges.num_ranges) {
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "plan.token_order_params.offsets end at %" PRId64
                ", expected num_ranges %" PRId64,
                begin, ranges.num_ranges);
  }
  return CheckCover(*g, error);
}

}  // namespace

int32_t ReadTokens(const ithaca_ulysses_plan& plan, Geometry* geometry,
                   ithaca_ulysses_error* error) {
  geometry->token_ranges.clear();
  if (int32_t code = ReadRows(plan, geometry, error)) return code;
  return plan.token_order == ITHACA_ULYSSES_TOKENS_CONTIGUOUS
             ? ReadContiguous(plan, geometry, error)
             : ReadRanges(plan, geometry, error);
}

}  // namespace ithaca::ulysses
