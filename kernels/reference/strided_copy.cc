#include "kernels/reference/strided_copy.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ithaca::ulysses {
namespace {

constexpr uint64_t kLine = 64;
// Below this the cached stores at both ends of a row cost more than is saved.
constexpr uint64_t kMinStreamedRow = 4 * kLine;

#if defined(__SSE2__)
void CopyStreaming(char* to, const char* from, uint64_t bytes) {
  const uint64_t head = -reinterpret_cast<uintptr_t>(to) % kLine;
  if (bytes < head + kMinStreamedRow) {
    memcpy(to, from, bytes);
    return;
  }
  memcpy(to, from, head);
  uint64_t i = head;
  for (; i + kLine <= bytes; i += kLine) {
    // A line at a time, so that it leaves the write-combining buffer whole.
    const auto* in = reinterpret_cast<const __m128i*>(from + i);
    auto* out = reinterpret_cast<__m128i*>(to + i);
    const __m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
    const __m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
    _mm_stream_si128(out, a);
    _mm_stream_si128(out + 1, b);
    _mm_stream_si128(out + 2, c);
    _mm_stream_si128(out + 3, d);
  }
  memcpy(to + i, from + i, bytes - i);
}
#else
void CopyStreaming(char* to, const char* from, uint64_t bytes) {
  memcpy(to, from, bytes);
}
#endif

// One row after the other; rows that touch each other on both sides are one.
void CopyRows(const char* from, uint64_t from_stride, char* to,
              uint64_t to_stride, uint64_t row_bytes, int64_t rows,
              StoreMode mode) {
  if (from_stride == row_bytes && to_stride == row_bytes) {
    memcpy(to, from, row_bytes * rows);
    return;
  }
  for (int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
    if (mode == StoreMode::kStreaming) {
      CopyStreaming(to, from, row_bytes);
    } else {
      memcpy(to, from, row_bytes);
    }
  }
}

}  // namespace

void CopyToWire(const RowRun& run, const void* tensor, void* wire,
                StoreMode mode) {
  if (run.row_bytes == 0 || run.rows == 0) return;
  CopyRows(static_cast<const char*>(tensor) + run.tensor_offset, run.row_stride,
           static_cast<char*>(wire) + run.wire_offset, run.row_bytes,
           run.row_bytes, run.rows, mode);
}

void CopyFromWire(const RowRun& run, const void* wire, void* tensor,
                  StoreMode mode) {
  if (run.row_bytes == 0 || run.rows == 0) return;
  CopyRows(static_cast<const char*>(wire) + run.wire_offset, run.row_bytes,
           static_cast<char*>(tensor) + run.tensor_offset, run.row_stride,
           run.row_bytes, run.rows, mode);
}

void FinishStores(StoreMode mode) {
#if defined(__SSE2__)
  if (mode == StoreMode::kStreaming) _mm_sfence();
#endif
}

}  // namespace ithaca::ulysses
