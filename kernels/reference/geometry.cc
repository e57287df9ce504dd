#include "kernels/reference/geometry.h"

#include <algorithm>

#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

// What scales and elements of a quantised wire are padded to.
uint64_t Padded(uint64_t bytes) { return (bytes + 15) / 16 * 16; }

// First KV head of a chunk of those.
int32_t ChunkBegin(HeadRange kv, int32_t chunk, int32_t num_chunks) {
  return kv.start +
         static_cast<int32_t>(int64_t{kv.count} * chunk / num_chunks);
}

int32_t ChunkOfHead(HeadRange kv, int32_t head, int32_t num_chunks) {
  // The last chunk that begins at or before the head.
  return static_cast<int32_t>((int64_t{head - kv.start + 1} * num_chunks - 1) /
                              kv.count);
}

// Every KV head is in the same chunk on all ranks that hold it.
int32_t CheckChunks(const Geometry& g, int32_t num_chunks,
                    ithaca_ulysses_error* error) {
  std::vector<int32_t> holder(g.num_kv_heads, -1);
  for (int32_t r = 0; r < g.num_ranks(); ++r) {
    const HeadRange kv = g.ranks[r].kv;
    for (int32_t h = kv.start; h < kv.start + kv.count; ++h) {
      if (holder[h] < 0) {
        holder[h] = r;
        continue;
      }
      const int32_t here = ChunkOfHead(kv, h, num_chunks);
      const int32_t there = ChunkOfHead(g.ranks[holder[h]].kv, h, num_chunks);
      if (here == there) continue;
      return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                  "KV head %d would be in chunk %d of rank %d and in chunk %d "
                  "of rank %d; use fewer chunks, or none",
                  h, there, holder[h], here, r);
    }
  }
  return ITHACA_ULYSSES_OK;
}

}  // namespace

bool LookUpStep(int32_t step, StepShape* shape) {
  switch (step) {
    case ITHACA_ULYSSES_SEQ_TO_HEADS:
      *shape = {/*to_heads=*/true, /*with_kv=*/true, /*sum_kv=*/false};
      return true;
    case ITHACA_ULYSSES_HEADS_TO_SEQ:
      *shape = {/*to_heads=*/false, /*with_kv=*/false, /*sum_kv=*/false};
      return true;
    case ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD:
      *shape = {/*to_heads=*/false, /*with_kv=*/true, /*sum_kv=*/true};
      return true;
    case ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD:
      *shape = {/*to_heads=*/true, /*with_kv=*/false, /*sum_kv=*/false};
      return true;
    default:
      return false;
  }
}

int32_t ChunkOf(const Geometry& whole, int32_t chunk, int32_t num_chunks,
                Geometry* part, ithaca_ulysses_error* error) {
  if (int32_t code = CheckChunks(whole, num_chunks, error)) return code;
  *part = whole;
  const int32_t group = whole.num_q_heads / whole.num_kv_heads;
  for (RankPart& rank : part->ranks) {
    const int32_t begin = ChunkBegin(rank.kv, chunk, num_chunks);
    const int32_t end = ChunkBegin(rank.kv, chunk + 1, num_chunks);
    if (begin == end) {
      rank.q = rank.kv = {};
      continue;
    }
    // The rank's query heads whose KV heads those are.
    const int32_t first = std::max(rank.q.start, begin * group);
    const int32_t last = std::min(rank.q.start + rank.q.count, end * group);
    rank.q = {first, last - first};
    rank.kv = {begin, end - begin};
  }
  return Ok(error);
}

uint64_t Geometry::TensorBytes(const StepShape& step, int32_t side,
                               int index) const {
  return static_cast<uint64_t>(batch) * TensorRows(step, side) *
         TensorHeads(step, side, index) * head_size * element_bytes;
}

uint64_t Geometry::PartBytes(const StepShape& step, int32_t sender,
                             int32_t receiver, int index) const {
  const int32_t tokens = step.to_heads ? sender : receiver;
  const int32_t heads = step.to_heads ? receiver : sender;
  const uint64_t head_rows = static_cast<uint64_t>(batch) * ranks[tokens].rows *
                             HeadsOf(heads, index).count;
  if (!quantised) return head_rows * head_size * element_bytes;
  return Padded(head_rows * sizeof(float)) + Padded(head_rows * head_size);
}

WirePart Geometry::PartAt(const StepShape& step, int32_t sender,
                          int32_t receiver, int index) const {
  WirePart part;
  for (int t = 0; t < index; ++t)
    part.scales += PartBytes(step, sender, receiver, t);
  part.elements = part.scales;
  if (!quantised) return part;
  const int32_t tokens = step.to_heads ? sender : receiver;
  const int32_t heads = step.to_heads ? receiver : sender;
  part.elements += Padded(static_cast<uint64_t>(batch) * ranks[tokens].rows *
                          HeadsOf(heads, index).count * sizeof(float));
  return part;
}

uint64_t Geometry::MessageBytes(const StepShape& step, int32_t sender,
                                int32_t receiver) const {
  uint64_t bytes = 0;
  for (int t = 0; t < step.num_tensors(); ++t)
    bytes += PartBytes(step, sender, receiver, t);
  return bytes;
}

}  // namespace ithaca::ulysses
