#include "kernels/reference/exchange.h"

#include <cstring>
#include <utility>

namespace ithaca::ulysses {
namespace {

// Tensors from this size on are written past the caches.
constexpr uint64_t kStreamBytes = 8 << 20;
// SEQ_TO_HEADS_BACKWARD, whose KV parts are added.
constexpr StepShape kGradients = {/*to_heads=*/false, /*with_kv=*/true,
                                  /*sum_kv=*/true};

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

Exchange::Run Exchange::RunOf(const Part& part, int64_t bi,
                              const TokenRange& range, int64_t first) {
  Run run;
  run.wire_row = bi * part.rows + first;
  run.rows.rows = range.count;
  run.rows.row_bytes = part.row_bytes;
  run.rows.row_stride = part.row_stride * range.stride;
  run.rows.tensor_offset = part.tensor_offset + bi * part.batch_stride +
                           range.start * part.row_stride;
  run.rows.wire_stride = part.row_bytes;
  run.rows.wire_offset = part.wire.elements + run.wire_row * part.row_bytes;
  return run;
}

Exchange::Part Exchange::MakePart(int64_t tensor_rows, int32_t tensor_heads,
                                  int64_t rows, HeadRange heads) const {
  const uint64_t head_bytes = geometry_.head_size * geometry_.element_bytes;
  const uint64_t token_bytes = tensor_heads * head_bytes;
  const bool batch_first = geometry_.layout != ITHACA_ULYSSES_SEQUENCE_FIRST;
  Part part;
  part.rows = rows;
  part.heads = heads;
  part.row_bytes = heads.count * head_bytes;
  part.row_stride = batch_first ? token_bytes : geometry_.batch * token_bytes;
  part.batch_stride = batch_first ? tensor_rows * token_bytes : token_bytes;
  part.tensor_offset = heads.start * head_bytes;
  return part;
}

Exchange::Part Exchange::PartOf(const StepShape& step, int32_t side,
                                int32_t peer, int index) const {
  const Geometry& g = geometry_;
  const int32_t heads = g.TensorHeads(step, side, index);
  Part part =
      Geometry::SplitByTokens(step, side)
          ? MakePart(g.me().rows, heads, g.me().rows, g.HeadsOf(peer, index))
          : MakePart(g.total_rows, heads, g.ranks[peer].rows, {0, heads});
  part.wire = side == ITHACA_ULYSSES_PACK
                  ? g.PartAt(step, g.my_rank, peer, index)
                  : g.PartAt(step, peer, g.my_rank, index);
  return part;
}

template <typename Move>
void Exchange::ForEachRun(const StepShape& step, int32_t side, int index,
                          const Move& move) const {
  const TokenRange all = {0, geometry_.me().rows, 1};
  for (int32_t peer = 0; peer < geometry_.num_ranks(); ++peer) {
    const Part part = PartOf(step, side, peer, index);
    const RankPart& owner = geometry_.ranks[peer];
    const bool by_tokens = Geometry::SplitByTokens(step, side);
    const TokenRange* ranges =
        by_tokens ? &all : geometry_.token_ranges.data() + owner.first_range;
    const int64_t count = by_tokens ? 1 : owner.num_ranges;
    for (int64_t bi = 0; bi < geometry_.batch; ++bi) {
      int64_t first = 0;
      for (int64_t i = 0; i < count; first += ranges[i++].count)
        move(peer, part, RunOf(part, bi, ranges[i], first));
    }
  }
}

Fp8Rows Exchange::Fp8RowsOf(const Part& part, const Run& run) const {
  Fp8Rows rows;
  rows.dtype = geometry_.dtype;
  rows.head_size = geometry_.head_size;
  rows.heads = part.heads.count;
  rows.rows = run.rows.rows;
  rows.tensor_offset = run.rows.tensor_offset;
  rows.row_stride = run.rows.row_stride;
  rows.wire_row = run.wire_row;
  return rows;
}

void Exchange::Pack(const StepShape& step,
                    const ithaca_ulysses_const_span* tensors,
                    const ithaca_ulysses_span* messages) const {
  if (geometry_.quantised) ZeroPadding(step, messages);
  for (int t = 0; t < step.num_tensors(); ++t) {
    if (tensors[t].bytes == 0) continue;  // the batch may still be huge
    ForEachRun(step, ITHACA_ULYSSES_PACK, t,
               [&](int32_t peer, const Part& part, const Run& run) {
                 if (!geometry_.quantised) {
                   CopyToWire(run.rows, tensors[t].data, messages[peer].data);
                   return;
                 }
                 const Fp8Part wire = {peer, part.heads.count, 0,
                                       part.wire.scales, part.wire.elements};
                 QuantiseRows(Fp8RowsOf(part, run), wire, tensors[t].data,
                              messages[peer].data);
               });
  }
}

// What lies between the scales, the elements and the next part.
void Exchange::ZeroPadding(const StepShape& step,
                           const ithaca_ulysses_span* messages) const {
  for (int32_t peer = 0; peer < geometry_.num_ranks(); ++peer) {
    for (int t = 0; t < step.num_tensors(); ++t) {
      const Part part = PartOf(step, ITHACA_ULYSSES_PACK, peer, t);
      const uint64_t heads =
          geometry_.batch * static_cast<uint64_t>(part.rows) * part.heads.count;
      if (heads == 0) continue;
      auto* message = static_cast<char*>(messages[peer].data);
      const uint64_t scales_end = part.wire.scales + heads * sizeof(float);
      const uint64_t elements_end =
          part.wire.elements + heads * geometry_.head_size;
      const uint64_t part_end =
          part.wire.scales +
          geometry_.PartBytes(step, geometry_.my_rank, peer, t);
      memset(message + scales_end, 0, part.wire.elements - scales_end);
      memset(message + elements_end, 0, part_end - elements_end);
    }
  }
}

void Exchange::Unpack(const StepShape& step,
                      const ithaca_ulysses_const_span* messages,
                      const ithaca_ulysses_span* tensors) const {
  for (int t = 0; t < step.num_tensors(); ++t) {
    if (tensors[t].bytes == 0) continue;
    if (geometry_.quantised) {
      UnpackQuantised(step, t, messages, tensors[t]);
      continue;
    }
    if (t > 0 && step.sum_kv) {
      UnpackSums(t, messages, tensors[t]);
      continue;
    }
    const StoreMode mode = StoreModeFor(tensors[t].bytes);
    ForEachRun(step, ITHACA_ULYSSES_UNPACK, t,
               [&](int32_t peer, const Part&, const Run& run) {
                 CopyFromWire(run.rows, messages[peer].data, tensors[t].data,
                              mode);
               });
    FinishStores(mode);
  }
}

void Exchange::UnpackQuantised(const StepShape& step, int index,
                               const ithaca_ulysses_const_span* messages,
                               const ithaca_ulysses_span& tensor) const {
  if (index > 0 && step.sum_kv)
    return UnpackQuantisedSums(index, messages, tensor);
  ForEachRun(step, ITHACA_ULYSSES_UNPACK, index,
             [&](int32_t peer, const Part& part, const Run& run) {
               const Fp8Part wire = {peer, part.heads.count, 0,
                                     part.wire.scales, part.wire.elements};
               DequantiseRows(Fp8RowsOf(part, run), &wire, 1, messages,
                              tensor.data);
             });
}

void Exchange::UnpackQuantisedSums(int index,
                                   const ithaca_ulysses_const_span* messages,
                                   const ithaca_ulysses_span& tensor) const {
  const int64_t rows = geometry_.me().rows;
  for (const SumSegment& segment : segments_) {
    if (segment.num == 0) continue;  // heads of another chunk
    const Part part =
        MakePart(rows, geometry_.AllHeads(index), rows, segment.heads);
    const Fp8Part* parts = &fp8_parts_[index - 1][segment.first];
    for (int64_t bi = 0; bi < geometry_.batch; ++bi) {
      DequantiseRows(Fp8RowsOf(part, RunOf(part, bi, {0, rows, 1}, 0)), parts,
                     segment.num, messages, tensor.data);
    }
  }
}

Contribution Exchange::ContributionOf(int32_t rank, int32_t head) const {
  const HeadRange kv = geometry_.ranks[rank].kv;
  const uint64_t head_bytes = geometry_.head_size * geometry_.element_bytes;
  Contribution c;
  c.rank = rank;
  c.row_bytes = kv.count * head_bytes;
  for (int index : {1, 2}) {
    c.part_offset[index - 1] =
        geometry_.PartAt(kGradients, rank, geometry_.my_rank, index).elements +
        (head - kv.start) * head_bytes;
  }
  return c;
}

// Tensor `index` in what `rank` sends back, from KV head `head` on.
Fp8Part Exchange::Fp8PartOf(int32_t rank, int32_t head, int index) const {
  const HeadRange kv = geometry_.ranks[rank].kv;
  const WirePart wire =
      geometry_.PartAt(kGradients, rank, geometry_.my_rank, index);
  return {rank, kv.count, head - kv.start, wire.scales, wire.elements};
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
    for (int32_t r : holders[h]) {
      contributions_.push_back(ContributionOf(r, h));
      for (int index : {1, 2})
        fp8_parts_[index - 1].push_back(Fp8PartOf(r, h, index));
    }
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
    if (segment.num == 0) continue;  // heads of another chunk
    const Part part =
        MakePart(rows, geometry_.AllHeads(index), rows, segment.heads);
    args.contributions = &contributions_[segment.first];
    args.count = segment.num;
    for (int64_t bi = 0; bi < geometry_.batch; ++bi) {
      args.first_row = bi * rows;
      args.run = RunOf(part, bi, {0, rows, 1}, 0).rows;
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
