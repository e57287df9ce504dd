// FlatPlan: owns the arrays that an ithaca_ulysses_plan points to.
//
// Used by C++ code that turns a plan of another form (the planner's protobuf, a
// test's random draw) into the C struct. A value, confined to a thread while it
// changes. Life cycle: set the fields, one AddRank per rank in rank order, then
// View(rank) for each rank's struct, which stays valid until the FlatPlan
// changes, is copied or dies. It checks nothing; ithaca_ulysses_create does.
#ifndef ITHACA_KERNELS_API_FLAT_PLAN_H_
#define ITHACA_KERNELS_API_FLAT_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

// Positions start, start + stride, ..., count of them.
struct Tokens {
  int64_t start = 0;
  int64_t count = 0;
  int64_t stride = 1;
};

struct FlatPlan {
  // As the fields of the same name in ithaca_ulysses_plan.
  int32_t dtype = ITHACA_ULYSSES_BF16;
  int32_t layout = ITHACA_ULYSSES_BATCH_FIRST;
  int32_t token_order = ITHACA_ULYSSES_TOKENS_CONTIGUOUS;
  int32_t batch = 1;
  int32_t head_size = 0;
  int32_t num_q_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t wire = ITHACA_ULYSSES_WIRE_EXACT;
  std::string
      plan_hash;  // any bytes, at most ITHACA_ULYSSES_MAX_PLAN_HASH_BYTES

  std::vector<int64_t> rank_rows;
  std::vector<int64_t> rank_row_offset;
  std::vector<int32_t> q_head_start;
  std::vector<int32_t> q_head_count;
  std::vector<int32_t> kv_offsets = {0};
  std::vector<int32_t> kv_heads;

  // For ITHACA_ULYSSES_TOKENS_RANGES, as in ithaca_ulysses_token_ranges;
  // rank_row_offset is then not used.
  std::vector<int64_t> range_offsets = {0};
  std::vector<int64_t> range_start;
  std::vector<int64_t> range_count;
  std::vector<int64_t> range_stride;

  int32_t num_ranks() const { return static_cast<int32_t>(rank_rows.size()); }

  // Appends the next rank: `rows` tokens from global position `row_offset`,
  // query heads [q_start, q_start + q_count) and its KV heads, ascending.
  void AddRank(int64_t rows, int64_t row_offset, int32_t q_start,
               int32_t q_count, const std::vector<int32_t>& kv);

  // The same with the KV heads that those query heads need. REQUIRES:
  // num_q_heads and num_kv_heads are set, the latter divides the former.
  void AddRank(int64_t rows, int64_t row_offset, int32_t q_start,
               int32_t q_count);

  // Appends the next rank, which holds these tokens in this order, and sets
  // token_order to ranges. Not to be mixed with the other two.
  void AddRank(const std::vector<Tokens>& tokens, int32_t q_start,
               int32_t q_count);

  // The struct of one rank; points into this object.
  ithaca_ulysses_plan View(int32_t my_rank) const;

 private:
  mutable ithaca_ulysses_token_ranges ranges_ = {};  // what View points to
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_API_FLAT_PLAN_H_
