// Copies between a tensor and the wire: rows of equal length that lie strided
// in the tensor and densely, batch first, in a message.
//
// Used by the exchange. Pure functions of their arguments; thread-safe, no
// allocation.
#ifndef ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_
#define ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_

#include <cstddef>
#include <cstdint>

namespace ithaca::ulysses {

// Where the rows of one message part lie in a tensor. All sizes in bytes but
// the counts. Row (bi, s) starts at offset + bi * batch_stride + s * row_stride
// and is row_bytes long; on the wire it starts at (bi * rows + s) * row_bytes.
struct RowBlock {
  uint64_t offset = 0;
  uint64_t row_bytes = 0;
  int64_t batch = 0;
  int64_t rows = 0;
  uint64_t batch_stride = 0;
  uint64_t row_stride = 0;

  uint64_t wire_bytes() const {
    return static_cast<uint64_t>(batch) * rows * row_bytes;
  }
};

// Copies block.wire_bytes() bytes from the tensor to the wire, or back. Neither
// pointer is touched when that is 0. REQUIRES: no overlap.
void CopyToWire(const RowBlock& block, const void* tensor, void* wire);
void CopyFromWire(const RowBlock& block, const void* wire, void* tensor);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_
