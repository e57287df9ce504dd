// Unpack of KV gradients that several ranks send: added in fp32 in rank order,
// rounded once.
//
// Used by exchange_kernels.cu and the tests; see body.h.
#ifndef ITHACA_KERNELS_CUDA_SUM_BODY_H_
#define ITHACA_KERNELS_CUDA_SUM_BODY_H_

#include "kernels/cuda/body.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {

// A unit of a summed tensor: the row of it on the wire, its head, where in
// that.
struct SumPlace {
  uint64_t wire_row;
  const HeadEntry* head;
  uint32_t byte;
};

// The first unit of a block.
struct SumBlock {
  PartRow row;
  uint32_t column;  // bytes into the row
};

ITHACA_HOST_DEVICE inline SumBlock FindSumBlock(const StepTable& table,
                                                uint64_t block) {
  const uint64_t begin = block * kCopyBlockBytes;
  return {RowInTensor(table, begin / table.row_bytes),
          static_cast<uint32_t>(begin % table.row_bytes)};
}

// What lies `bytes` behind the block's start.
ITHACA_HOST_DEVICE inline SumPlace FindSum(const StepTable& table,
                                           const SumBlock& block,
                                           uint32_t bytes) {
  const uint32_t x = block.column + bytes;
  const auto row_bytes = static_cast<uint32_t>(table.row_bytes);
  const PartRow row = MoveOnInTensor(table, block.row, x / row_bytes);
  const uint32_t in_row = x % row_bytes,
                 head_bytes = row_bytes / table.num_heads;
  return {static_cast<uint64_t>(row.batch * table.rows + row.row),
          table.At<HeadEntry>(table.heads) + in_row / head_bytes,
          in_row % head_bytes};
}

template <typename T, typename Unit>
ITHACA_HOST_DEVICE inline Unit SumUnit(const StepTable& table,
                                       const char* buffer, bool is_v,
                                       const SumPlace& place) {
  using Storage = typename T::Storage;
  constexpr uint32_t kElements = sizeof(Unit) / sizeof(Storage);
  const SourceEntry* sources =
      table.At<SourceEntry>(table.sources) + place.head->first_source;
  float sum[kElements] = {};
  Unit unit;
  for (uint32_t c = 0; c < place.head->num_sources; ++c) {
    const SourceEntry& from = sources[c];
    unit = LoadUnit<Unit>(buffer + from.elements + (is_v ? from.to_v : 0) +
                          place.wire_row * from.row_bytes + place.byte);
    // One source alone is copied: every bit stays.
    if (place.head->num_sources == 1) return unit;
    Storage values[kElements];
    memcpy(values, &unit, sizeof(unit));
    ITHACA_UNROLL
    for (uint32_t k = 0; k < kElements; ++k) {
      const float x = T::Load(values[k]);
      sum[k] = c == 0 ? x : sum[k] + x;
    }
  }
  Storage rounded[kElements];
  ITHACA_UNROLL
  for (uint32_t k = 0; k < kElements; ++k) rounded[k] = T::Store(sum[k]);
  memcpy(&unit, rounded, sizeof(unit));
  return unit;
}

// What thread `thread` of block `block` of a summed tensor does; `is_v`: dv,
// else dk.
template <typename T, typename Unit>
ITHACA_HOST_DEVICE inline void SumThread(const StepTable& table,
                                         const TensorPointers& tensors,
                                         const char* buffer, bool is_v,
                                         uint64_t block, uint32_t thread) {
  const uint64_t begin = block * kCopyBlockBytes;
  const uint64_t end = table.batch * table.rows * table.row_bytes;
  char* const tensor = tensors.data[is_v ? 2 : 1];
  const SumBlock first = FindSumBlock(table, block);
  for (uint32_t i = thread; i < kCopyBlockBytes / sizeof(Unit); i += kThreads) {
    const uint32_t bytes = i * sizeof(Unit);
    if (begin + bytes >= end) return;
    const SumPlace place = FindSum(table, first, bytes);
    if (place.head->num_sources == 0) continue;  // a head of another chunk
    StoreUnit<Unit>(tensor + begin + bytes,
                    SumUnit<T, Unit>(table, buffer, is_v, place));
  }
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_SUM_BODY_H_
