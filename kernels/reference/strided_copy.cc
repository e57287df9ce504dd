#include "kernels/reference/strided_copy.h"

#include <cstring>

namespace ithaca::ulysses {
namespace {

// Joins rows, and then batches, that lie one after the other in the tensor as
// well.
RowBlock Merged(RowBlock b) {
  if (b.row_stride == b.row_bytes) {
    b.row_bytes *= b.rows;
    b.rows = 1;
    b.row_stride = b.row_bytes;
  }
  if (b.rows == 1 && b.batch_stride == b.row_bytes) {
    b.row_bytes *= b.batch;
    b.batch = 1;
  }
  return b;
}

// Calls copy(tensor offset, wire offset) for each row.
template <typename Copy>
void ForEachRow(const RowBlock& block, const Copy& copy) {
  const RowBlock b = Merged(block);
  uint64_t wire = 0;
  for (int64_t bi = 0; bi < b.batch; ++bi) {
    uint64_t tensor = b.offset + bi * b.batch_stride;
    for (int64_t s = 0; s < b.rows; ++s) {
      copy(tensor, wire, b.row_bytes);
      tensor += b.row_stride;
      wire += b.row_bytes;
    }
  }
}

}  // namespace

void CopyToWire(const RowBlock& block, const void* tensor, void* wire) {
  if (block.wire_bytes() == 0) return;
  const char* from = static_cast<const char*>(tensor);
  char* to = static_cast<char*>(wire);
  ForEachRow(block, [=](uint64_t t, uint64_t w, uint64_t n) {
    memcpy(to + w, from + t, n);
  });
}

void CopyFromWire(const RowBlock& block, const void* wire, void* tensor) {
  if (block.wire_bytes() == 0) return;
  const char* from = static_cast<const char*>(wire);
  char* to = static_cast<char*>(tensor);
  ForEachRow(block, [=](uint64_t t, uint64_t w, uint64_t n) {
    memcpy(to + t, from + w, n);
  });
}

}  // namespace ithaca::ulysses
