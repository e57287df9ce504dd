#include "kernels/reference/exchange.h"

#include <utility>

namespace ithaca::ulysses {
namespace {

// Tensors from this size on are written past the caches.
constexpr uint64_t kStreamBytes = 8 << 20;

StoreMode StoreModeFor(uint64_t bytes) {
  return bytes >= kStreamBytes ? StoreMode::kStreaming : StoreMode::kCached;
}

// What SumRows is with one contribution. Every bit stays, those of signalling
// NaNs too.
void CopyOnly(const SumArgs& args, StoreMode mode) {
  const Contribution& from = args.contributions[0];
  RowRun run = args.run;
  run.wire_stride = from.row_bytes;
  run.wire_offset =
      from.part_offset[args.part] + args.first_row * from.row_bytes;
  CopyFromWire(run, args.messages[from.rank].data, args.tensor, mode);
}

}  // namespace

Exchange::Exchange(Geometry geometry) : geometry_(std::move(geometry)) {
  BuildSumSegments();
}

RowRun Exchange::Part::Sequence(int64_t bi) const {
  RowRun run;
  run.rows = rows;
  run.row_bytes = row_bytes;
  run.wire_stride = row_bytes;
  run.row_stride = row_stride;
  run.tensor_offset = tensor_offset + bi * batch_stride;
  run.wire_offset = wire_offset + bi * rows * row_bytes;
  return run;
}

Exchange::Part Exchange::MakePart(int64_t tensor_rows, int32_t tensor_heads,
                                  int64_t first_row, int64_t rows,
                                  HeadRange heads) const {
  const uint64_t head_bytes = geometry_.head_size * geometry_.element_bytes;
  const uint64_t token_bytes = tensor_heads * head_bytes;
  const bool batch_first = geometry_.layout == ITHACA_ULYSSES_BATCH_FIRST;
  Part part;
  part.rows = rows;
  part.row_bytes = heads.count * head_bytes;
  part.row_stride = batch_first ? token_bytes : geometry_.batch * token_bytes;
  part.batch_stride = batch_first ? tensor_rows * token_bytes : token_bytes;
  part.tensor_offset = first_row * part.row_stride + heads.start * head_bytes;
  return part;
}

Exchange::Part Exchange::PartOf(const StepShape& step, int32_t side,
                                int32_t peer, int index) const {
  const Geometry& g = geometry_;
  const int32_t heads = g.TensorHeads(step, side, index);
  const RankPart& tokens = g.ranks[peer];
  Part part =
      Geometry::SplitByTokens(step, side)
          ? MakePart(g.me().rows, heads, 0, g.me().rows, g.HeadsOf(peer, index))
          : MakePart(g.total_rows, heads, tokens.row_offset, tokens.rows,
                     {0, heads});
  for (int t = 0; t < index; ++t) {
    part.wire_offset += side == ITHACA_ULYSSES_PACK
                            ? g.PartBytes(step, g.my_rank, peer, t)
                            : g.PartBytes(step, peer, g.my_rank, t);
  }
  return part;
}

template <typename Move>
void Exchange::ForEachRun(const StepShape& step, int32_t side, int index,
                          const Move& move) const {
  for (int32_t peer = 0; peer < geometry_.num_ranks(); ++peer) {
    const Part part = PartOf(step, side, peer, index);
    for (int64_t bi = 0; bi < geometry_.batch; ++bi)
      move(peer, part.Sequence(bi));
  }
}

void Exchange::Pack(const StepShape& step,
                    const ithaca_ulysses_const_span* tensors,
                    const ithaca_ulysses_span* messages) const {
  for (int t = 0; t < step.num_tensors(); ++t) {
    if (tensors[t].bytes == 0) continue;  // the batch may still be huge
    ForEachRun(step, ITHACA_ULYSSES_PACK, t,
               [&](int32_t peer, const RowRun& run) {
                 CopyToWire(run, tensors[t].data, messages[peer].data);
               });
  }
}

void Exchange::Unpack(const StepShape& step,
                      const ithaca_ulysses_const_span* messages,
                      const ithaca_ulysses_span* tensors) const {
  for (int t = 0; t < step.num_tensors(); ++t) {
    if (tensors[t].bytes == 0) continue;
    if (t > 0 && step.sum_kv) {
      UnpackSums(t, messages, tensors[t]);
      continue;
    }
    const StoreMode mode = StoreModeFor(tensors[t].bytes);
    ForEachRun(step, ITHACA_ULYSSES_UNPACK, t,
               [&](int32_t peer, const RowRun& run) {
                 CopyFromWire(run, messages[peer].data, tensors[t].data, mode);
               });
    FinishStores(mode);
  }
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
                          const ithaca_ulysses_span& tensor) const {
  const int64_t rows = geometry_.me().rows;
  const StoreMode mode = StoreModeFor(tensor.bytes);
  SumArgs args;
  args.dtype = geometry_.dtype;
  args.messages = messages;
  args.part = index - 1;
  args.tensor = tensor.data;
  for (const SumSegment& segment : segments_) {
    const Part part =
        MakePart(rows, geometry_.AllHeads(index), 0, rows, segment.heads);
    args.contributions = &contributions_[segment.first];
    args.count = segment.num;
    for (int64_t bi = 0; bi < geometry_.batch; ++bi) {
      args.first_row = bi * rows;
      args.run = part.Sequence(bi);
      if (args.count > 1) {
        SumRows(args);
      } else {
        CopyOnly(args, mode);
      }
    }
  }
  FinishStores(mode);
}

}  // namespace ithaca::ulysses
