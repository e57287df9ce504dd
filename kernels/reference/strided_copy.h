// Copies between a tensor and the wire: rows of equal length that lie strided.
//
// Used by the exchange. Pure functions of their arguments; thread-safe, no
// allocation.
#ifndef ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_
#define ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_

#include <cstdint>

namespace ithaca::ulysses {

// Some rows of one sequence: row i starts at tensor_offset + i * row_stride in
// the tensor and at wire_offset + i * wire_stride on the wire. Bytes, all of
// them.
struct RowRun {
  uint64_t tensor_offset = 0;
  uint64_t wire_offset = 0;
  uint64_t row_bytes = 0;
  uint64_t row_stride = 0;
  uint64_t wire_stride = 0;
  int64_t rows = 0;
};

// How a tensor is written. (Messages are always written through the caches:
// whoever sends them reads them next.)
enum class StoreMode {
  kCached,
  // Past the caches where rows are long enough: a third less memory traffic,
  // for what does not fit into them. The writes are ordered before what follows
  // only by FinishStores.
  kStreaming,
};

// Copies rows * row_bytes bytes. Neither pointer is touched when that is 0.
// REQUIRES: no overlap.
void CopyToWire(const RowRun& run, const void* tensor, void* wire);
void CopyFromWire(const RowRun& run, const void* wire, void* tensor,
                  StoreMode mode);

// Makes streaming stores visible to whoever this thread synchronises with next.
void FinishStores(StoreMode mode);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_STRIDED_COPY_H_
