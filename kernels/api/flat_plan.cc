#include "kernels/api/flat_plan.h"

namespace ithaca::ulysses {

void FlatPlan::AddRank(int64_t rows, int64_t row_offset, int32_t q_start,
                       int32_t q_count, const std::vector<int32_t>& kv) {
  rank_rows.push_back(rows);
  rank_row_offset.push_back(row_offset);
  q_head_start.push_back(q_start);
  q_head_count.push_back(q_count);
  kv_heads.insert(kv_heads.end(), kv.begin(), kv.end());
  kv_offsets.push_back(static_cast<int32_t>(kv_heads.size()));
}

void FlatPlan::AddRank(int64_t rows, int64_t row_offset, int32_t q_start,
                       int32_t q_count) {
  std::vector<int32_t> kv;
  if (q_count > 0) {
    const int32_t group = num_q_heads / num_kv_heads;
    const int32_t last = (q_start + q_count - 1) / group;
    for (int32_t h = q_start / group; h <= last; ++h) kv.push_back(h);
  }
  AddRank(rows, row_offset, q_start, q_count, kv);
}

void FlatPlan::AddRank(const std::vector<Tokens>& tokens, int32_t q_start,
                       int32_t q_count) {
  token_order = ITHACA_ULYSSES_TOKENS_RANGES;
  int64_t rows = 0;
  for (const Tokens& t : tokens) {
    range_start.push_back(t.start);
    range_count.push_back(t.count);
    range_stride.push_back(t.stride);
    rows += t.count;
  }
  range_offsets.push_back(static_cast<int64_t>(range_start.size()));
  AddRank(rows, 0, q_start, q_count);
}

ithaca_ulysses_plan FlatPlan::View(int32_t my_rank) const {
  // An empty vector has no data, and the C API wants no NULL.
  static const int32_t kNoHeads = 0;
  ithaca_ulysses_plan plan = {};
  plan.struct_size = sizeof(plan);
  plan.dtype = dtype;
  plan.layout = layout;
  plan.token_order = token_order;
  plan.num_ranks = num_ranks();
  plan.my_rank = my_rank;
  plan.batch = batch;
  plan.head_size = head_size;
  plan.num_q_heads = num_q_heads;
  plan.num_kv_heads = num_kv_heads;
  plan.kv_heads_length = static_cast<int32_t>(kv_heads.size());
  plan.plan_hash_bytes = static_cast<uint32_t>(plan_hash.size());
  plan.rank_rows = rank_rows.data();
  if (token_order == ITHACA_ULYSSES_TOKENS_RANGES) {
    ranges_.struct_size = sizeof(ranges_);
    ranges_.num_ranges = static_cast<int64_t>(range_start.size());
    ranges_.offsets = range_offsets.data();
    ranges_.start = range_start.data();
    ranges_.count = range_count.data();
    ranges_.stride = range_stride.data();
    plan.token_order_params = &ranges_;
  } else {
    plan.rank_row_offset = rank_row_offset.data();
  }
  plan.wire = wire;
  plan.q_head_start = q_head_start.data();
  plan.q_head_count = q_head_count.data();
  plan.kv_offsets = kv_offsets.data();
  plan.kv_heads = kv_heads.empty() ? &kNoHeads : kv_heads.data();
  plan.plan_hash = plan_hash.empty()
                       ? nullptr
                       : reinterpret_cast<const uint8_t*>(plan_hash.data());
  return plan;
}

}  // namespace ithaca::ulysses
