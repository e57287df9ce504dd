// Pack and unpack of an exact wire: runs of rows copied in units of up to 16
// bytes.
//
// Used by exchange_kernels.cu and the tests; see body.h.
#ifndef ITHACA_KERNELS_CUDA_COPY_BODY_H_
#define ITHACA_KERNELS_CUDA_COPY_BODY_H_

#include "kernels/cuda/body.h"

namespace ithaca::ulysses {

// A block copies up to kCopyBlockBytes that lie together on the wire.
struct CopyBlock {
  const PartEntry* part;
  uint64_t begin;      // of the block, in bytes of the part
  uint32_t units;      // of the block
  uint32_t row_units;  // of a row
  uint32_t column;     // of the block's first unit
  PartRow row;         // the same
};

template <typename Unit>
ITHACA_HOST_DEVICE inline CopyBlock FindCopyBlock(const StepTable& table,
                                                  uint64_t block) {
  const PartEntry& part = PartOfBlock(table, block);
  CopyBlock b;
  b.part = &part;
  b.begin = (block - part.first_block) * kCopyBlockBytes;
  const uint64_t left = part.work - b.begin;
  b.units = static_cast<uint32_t>(
      (left < kCopyBlockBytes ? left : kCopyBlockBytes) / sizeof(Unit));
  b.row_units = static_cast<uint32_t>(part.row_bytes / sizeof(Unit));
  b.column = static_cast<uint32_t>(b.begin % part.row_bytes / sizeof(Unit));
  const auto row = static_cast<int64_t>(b.begin / part.row_bytes);
  b.row = {row / part.rows, row % part.rows};
  return b;
}

// Offset in the tensor of unit `i` of the block.
template <typename Unit>
ITHACA_HOST_DEVICE inline uint64_t UnitOffset(const StepTable& table,
                                              const CopyBlock& block,
                                              uint32_t i) {
  const uint32_t x = block.column + i;
  const PartRow row = MoveOn(block.row, x / block.row_units, block.part->rows);
  return TensorOffset(table, *block.part, row) +
         uint64_t{x % block.row_units} * sizeof(Unit);
}

// What thread `thread` of block `block` does. All loads of a round are under
// way before the first store.
template <typename Unit, bool kPack>
ITHACA_HOST_DEVICE inline void CopyThread(const StepTable& table,
                                          const TensorPointers& tensors,
                                          char* buffer, uint64_t block,
                                          uint32_t thread) {
  const CopyBlock b = FindCopyBlock<Unit>(table, block);
  char* const tensor = tensors.data[b.part->tensor];
  char* const wire = buffer + b.part->elements + b.begin;
  for (uint32_t base = thread; base < b.units; base += kThreads * kUnrolled) {
    Unit values[kUnrolled];
    uint64_t offsets[kUnrolled];
    ITHACA_UNROLL
    for (uint32_t k = 0; k < kUnrolled; ++k) {
      const uint32_t i = base + k * kThreads;
      if (i >= b.units) continue;
      offsets[k] = UnitOffset<Unit>(table, b, i);
      values[k] = LoadUnit<Unit>(kPack ? tensor + offsets[k]
                                       : wire + uint64_t{i} * sizeof(Unit));
    }
    ITHACA_UNROLL
    for (uint32_t k = 0; k < kUnrolled; ++k) {
      const uint32_t i = base + k * kThreads;
      if (i >= b.units) continue;
      StoreUnit<Unit>(
          kPack ? wire + uint64_t{i} * sizeof(Unit) : tensor + offsets[k],
          values[k]);
    }
  }
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_COPY_BODY_H_
