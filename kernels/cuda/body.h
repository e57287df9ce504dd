// What the kernels' bodies share: memory accesses of one width, and finding the
// row that a thread works on.
//
// Used by copy_body.h, sum_body.h and fp8_body.h. The bodies are plain C++ that
// nvcc compiles for the GPU and any compiler for the CPU, so that tests run
// them, thread by thread, on machines without a GPU. Pure; no shared memory, no
// barriers.
#ifndef ITHACA_KERNELS_CUDA_BODY_H_
#define ITHACA_KERNELS_CUDA_BODY_H_

#include <cstdint>
#include <cstring>

#include "kernels/cuda/step_table.h"

namespace ithaca::ulysses {

// 16 bytes at once.
struct alignas(16) Unit16 {
  uint32_t words[4];
};

// This rank's tensors of a step.
struct TensorPointers {
  char* data[3] = {nullptr, nullptr, nullptr};
};

// A GPU faults on an access that is not aligned; so does the CPU here.
template <typename Unit>
inline void CheckAligned(const char* at) {
  if (reinterpret_cast<uintptr_t>(at) % sizeof(Unit) != 0) __builtin_trap();
}

template <typename Unit>
ITHACA_HOST_DEVICE inline Unit LoadUnit(const char* from) {
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(Unit) == 16) {
    const uint4 v = __ldg(reinterpret_cast<const uint4*>(from));
    return {{v.x, v.y, v.z, v.w}};
  } else {
    return __ldg(reinterpret_cast<const Unit*>(from));
  }
#else
  CheckAligned<Unit>(from);
  Unit unit;
  memcpy(&unit, from, sizeof(unit));
  return unit;
#endif
}

template <typename Unit>
ITHACA_HOST_DEVICE inline void StoreUnit(char* to, const Unit& unit) {
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(Unit) == 16) {
    *reinterpret_cast<uint4*>(to) =
        make_uint4(unit.words[0], unit.words[1], unit.words[2], unit.words[3]);
  } else {
    *reinterpret_cast<Unit*>(to) = unit;
  }
#else
  CheckAligned<Unit>(to);
  memcpy(to, &unit, sizeof(unit));
#endif
}

// The part whose blocks hold `block`. REQUIRES: block < table.num_blocks.
ITHACA_HOST_DEVICE inline const PartEntry& PartOfBlock(const StepTable& table,
                                                       uint64_t block) {
  const PartEntry* parts = table.At<PartEntry>(table.parts);
  uint32_t low = 0, high = table.num_parts;  // parts[low] begins at or before
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (parts[middle].first_block <= block) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return parts[low];
}

// Position in the tensor of row `s` of a sequence of the part.
ITHACA_HOST_DEVICE inline int64_t PositionOf(const StepTable& table,
                                             const PartEntry& part, int64_t s) {
  const RangeEntry* ranges =
      table.At<RangeEntry>(table.ranges) + part.first_range;
  uint32_t low = 0, high = part.num_ranges;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (ranges[middle].first <= s) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const RangeEntry& range = ranges[low];
  return range.start + (s - range.first) * range.stride;
}

// A row of a part: which sequence, and where in it.
struct PartRow {
  int64_t batch;
  int64_t row;
};

// `base` moved on by `rows`. A thread divides 64-bit numbers once for its block
// and then moves on from there: such a division is a call. REQUIRES: part_rows
// is its part's, not 0.
ITHACA_HOST_DEVICE inline PartRow MoveOn(PartRow base, uint32_t rows,
                                         int64_t part_rows) {
  base.row += rows;
  if (base.row < part_rows) return base;
  const auto over = static_cast<uint32_t>(base.row - part_rows);
  if (over < part_rows) return {base.batch + 1, over};
  const auto of = static_cast<uint32_t>(part_rows);
  return {base.batch + 1 + over / of, over % of};
}

// The same for a row of a summed tensor, whose rows lie in the tensor's order.
ITHACA_HOST_DEVICE inline PartRow MoveOnInTensor(const StepTable& table,
                                                 PartRow base, uint32_t rows) {
  if (table.row_stride <= table.batch_stride)  // batch first
    return MoveOn(base, rows, table.rows);
  const uint32_t x = static_cast<uint32_t>(base.batch) + rows;
  const auto batch = static_cast<uint32_t>(table.batch);
  return {x % batch, base.row + x / batch};
}

// Row `token` of a summed tensor.
ITHACA_HOST_DEVICE inline PartRow RowInTensor(const StepTable& table,
                                              uint64_t token) {
  const bool batch_first = table.row_stride <= table.batch_stride;
  const uint64_t of =
      batch_first ? static_cast<uint64_t>(table.rows) : table.batch;
  const auto whole = static_cast<int64_t>(token / of);
  const auto rest = static_cast<int64_t>(token % of);
  return batch_first ? PartRow{whole, rest} : PartRow{rest, whole};
}

// Byte offset in the tensor of that row of the part.
ITHACA_HOST_DEVICE inline uint64_t TensorOffset(const StepTable& table,
                                                const PartEntry& part,
                                                PartRow at) {
  return part.tensor_offset + at.batch * part.batch_stride +
         PositionOf(table, part, at.row) * part.row_stride;
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_BODY_H_
