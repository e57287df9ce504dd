// What one pack or unpack does, as one block of bytes that a kernel reads:
// which runs of memory lie where in this rank's tensors and in its message
// buffer.
//
// Built on the host by step_table_builder.h, read by the kernels' bodies
// (copy_body.h, sum_body.h, fp8_body.h). Plain data: offsets instead of
// pointers, so that a copy of the bytes is as good, wherever it lies.
// Immutable.
#ifndef ITHACA_KERNELS_CUDA_STEP_TABLE_H_
#define ITHACA_KERNELS_CUDA_STEP_TABLE_H_

#include <cstdint>

#include "kernels/reference/host_device.h"

namespace ithaca::ulysses {

// Rows [first, next part's first) of a sequence on the wire are positions
// start, start + stride, ... of the tensor.
struct RangeEntry {
  int64_t first = 0;
  int64_t start = 0;
  int64_t stride = 1;
};

// One tensor's share of the message of one peer. Offsets in bytes, those of the
// wire from the start of the message buffer.
struct PartEntry {
  uint64_t elements = 0;  // on the wire
  uint64_t scales = 0;    // on a quantised wire
  uint64_t end = 0;       // of the part, padding included
  uint64_t tensor_offset = 0;
  uint64_t row_stride = 0;  // in the tensor
  uint64_t batch_stride = 0;
  uint64_t row_bytes = 0;  // in the tensor, of this part
  int64_t rows = 0;        // of one sequence
  // Blocks of the parts before it; see BlocksOf.
  uint64_t first_block = 0;
  uint64_t work = 0;  // what its blocks share out: bytes, or heads of rows
  uint32_t tensor = 0;
  uint32_t heads = 0;
  uint32_t first_range = 0;
  uint32_t num_ranges = 0;
};

// Where the contributions to one KV head lie; `sums` of them in rank order.
struct HeadEntry {
  uint32_t first_source = 0;
  uint32_t num_sources = 0;
};
struct SourceEntry {
  uint64_t elements = 0;  // of row 0 of this head, in k's part
  uint64_t scales = 0;    // the same of the scales
  uint64_t to_v = 0;      // from an element of k to that of v
  uint64_t scales_to_v = 0;
  uint64_t row_bytes = 0;  // of the part, on the wire
  uint32_t row_heads = 0;
  uint32_t reserved = 0;
};

// The head of the table; the arrays lie behind it at these offsets.
struct StepTable {
  uint64_t bytes = 0;  // of everything
  uint64_t parts = 0;
  uint64_t ranges = 0;
  uint64_t heads = 0;
  uint64_t sources = 0;
  uint32_t num_parts = 0;   // none for tensors that are summed
  uint32_t num_heads = 0;   // KV heads; 0: nothing is summed
  uint64_t num_blocks = 0;  // of all parts
  uint64_t sum_blocks = 0;  // of one summed tensor
  uint64_t batch = 0;
  int64_t rows = 0;        // of a summed tensor's sequence
  uint64_t row_bytes = 0;  // of a summed tensor
  uint64_t row_stride = 0;
  uint64_t batch_stride = 0;
  uint32_t head_size = 0;
  uint32_t dtype = 0;  // ithaca_ulysses_dtype
  uint32_t quantised = 0;
  uint32_t pack = 0;  // 1: tensors to messages; 0: back

  template <typename T>
  ITHACA_HOST_DEVICE const T* At(uint64_t offset) const {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) +
                                      offset);
  }
};

// What one block of threads does. Bytes for copies; heads of rows, one for each
// group of lanes, where they are quantised or added.
inline constexpr uint32_t kThreads = 256;
inline constexpr uint32_t kUnrolled = 4;
inline constexpr uint32_t kCopyBlockBytes = kThreads * kUnrolled * 16;
inline constexpr uint32_t kLanes = 32;
inline constexpr uint32_t kHeadsOfBlock = 32;

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_STEP_TABLE_H_
