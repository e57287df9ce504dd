#include "kernels/reference/exchange.h"

#include <utility>

namespace ithaca::ulysses {

Exchange::Exchange(Geometry geometry) : geometry_(std::move(geometry)) {
  BuildSumSegments();
}

RowBlock Exchange::MakeBlock(int64_t tensor_rows, int32_t tensor_heads,
                             int64_t first_row, int64_t rows,
                             HeadRange heads) const {
  const uint64_t head_bytes = geometry_.head_size * geometry_.element_bytes;
  const uint64_t token_bytes = tensor_heads * head_bytes;
  RowBlock block;
  block.batch = geometry_.batch;
  block.rows = rows;
  block.row_bytes = heads.count * head_bytes;
  if (geometry_.layout == ITHACA_ULYSSES_BATCH_FIRST) {
    block.row_stride = token_bytes;
    block.batch_stride = tensor_rows * token_bytes;
  } else {
    block.row_stride = geometry_.batch * token_bytes;
    block.batch_stride = token_bytes;
  }
  block.offset = first_row * block.row_stride + heads.start * head_bytes;
  return block;
}

RowBlock Exchange::TokenBlock(int index, HeadRange heads) const {
  const int64_t rows = geometry_.me().rows;
  return MakeBlock(rows, geometry_.AllHeads(index), 0, rows, heads);
}

RowBlock Exchange::HeadBlock(int32_t peer, int index) const {
  const RankPart& part = geometry_.ranks[peer];
  const int32_t heads = geometry_.HeadsOf(geometry_.my_rank, index).count;
  return MakeBlock(geometry_.total_rows, heads, part.row_offset, part.rows,
                   {0, heads});
}

RowBlock Exchange::BlockOf(const StepShape& step, int32_t side, int32_t peer,
                           int index) const {
  return Geometry::SplitByTokens(step, side)
             ? TokenBlock(index, geometry_.HeadsOf(peer, index))
             : HeadBlock(peer, index);
}

void Exchange::Pack(const StepShape& step,
                    const ithaca_ulysses_const_span* tensors,
                    const ithaca_ulysses_span* messages) const {
  for (int32_t peer = 0; peer < geometry_.num_ranks(); ++peer) {
    char* to = static_cast<char*>(messages[peer].data);
    for (int t = 0; t < step.num_tensors(); ++t) {
      const RowBlock block = BlockOf(step, ITHACA_ULYSSES_PACK, peer, t);
      if (block.wire_bytes() == 0) continue;
      CopyToWire(block, tensors[t].data, to);
      to += block.wire_bytes();
    }
  }
}

void Exchange::Unpack(const StepShape& step,
                      const ithaca_ulysses_const_span* messages,
                      const ithaca_ulysses_span* tensors) const {
  for (int32_t peer = 0; peer < geometry_.num_ranks(); ++peer) {
    const char* from = static_cast<const char*>(messages[peer].data);
    for (int t = 0; t < step.num_tensors(); ++t) {
      const RowBlock block = BlockOf(step, ITHACA_ULYSSES_UNPACK, peer, t);
      if (block.wire_bytes() == 0) continue;
      if (t == 0 || !step.sum_kv) CopyFromWire(block, from, tensors[t].data);
      from += block.wire_bytes();
    }
  }
  if (!step.sum_kv) return;
  for (int t = 1; t < step.num_tensors(); ++t)
    UnpackSums(t, messages, tensors[t].data);
}

Contribution Exchange::ContributionOf(int32_t rank, int32_t head) const {
  const StepShape step = {/*to_heads=*/false, /*with_kv=*/true,
                          /*sum_kv=*/true};
  const HeadRange kv = geometry_.ranks[rank].kv;
  const uint64_t head_bytes = geometry_.head_size * geometry_.element_bytes;
  const uint64_t q_bytes =
      geometry_.PartBytes(step, rank, geometry_.my_rank, 0);
  const uint64_t k_bytes =
      geometry_.PartBytes(step, rank, geometry_.my_rank, 1);
  Contribution c;
  c.rank = rank;
  c.row_bytes = kv.count * head_bytes;
  c.part_offset[0] = q_bytes + (head - kv.start) * head_bytes;
  c.part_offset[1] = c.part_offset[0] + k_bytes;
  return c;
}

void Exchange::BuildSumSegments() {
  std::vector<std::vector<int32_t>> holders(geometry_.num_kv_heads);
  for (int32_t r = 0; r < geometry_.num_ranks(); ++r) {
    const HeadRange kv = geometry_.ranks[r].kv;
    for (int32_t i = 0; i < kv.count; ++i) holders[kv.start + i].push_back(r);
  }
  for (int32_t h = 0; h < geometry_.num_kv_heads; ++h) {
    if (h > 0 && holders[h] == holders[h - 1]) {
      ++segments_.back().heads.count;
      continue;
    }
    segments_.push_back({{h, 1},
                         static_cast<int32_t>(contributions_.size()),
                         static_cast<int32_t>(holders[h].size())});
    for (int32_t r : holders[h]) contributions_.push_back(ContributionOf(r, h));
  }
}

void Exchange::UnpackSums(int index, const ithaca_ulysses_const_span* messages,
                          void* tensor) const {
  if (geometry_.me().rows == 0) return;
  for (const SumSegment& segment : segments_) {
    SumSegmentRows(segment, index, messages, static_cast<char*>(tensor));
  }
}

void Exchange::SumSegmentRows(const SumSegment& segment, int index,
                              const ithaca_ulysses_const_span* messages,
                              char* tensor) const {
  const RowBlock block = TokenBlock(index, segment.heads);
  const int64_t elements = segment.heads.count * geometry_.head_size;
  const Contribution* contributions = &contributions_[segment.first];
  uint64_t wire_row = 0;
  for (int64_t bi = 0; bi < block.batch; ++bi) {
    char* out = tensor + block.offset + bi * block.batch_stride;
    for (int64_t s = 0; s < block.rows;
         ++s, ++wire_row, out += block.row_stride) {
      SumRow(geometry_.dtype, contributions, segment.num, messages, index - 1,
             wire_row, elements, out);
    }
  }
}

}  // namespace ithaca::ulysses
