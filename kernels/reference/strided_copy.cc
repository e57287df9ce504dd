#include "kernels/reference/strided_copy.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ithaca::ulysses {
namespace {

constexpr uint64_t kLine = 64;
// Shorter rows are faster through the caches: their ends are partial lines.
constexpr uint64_t kMinStreamedRow = 512;
// So many rows ahead the source is fetched. The processor's own prefetcher
// stops at the end of each row, unless rows are long.
constexpr uint64_t kRowsAhead = 8;
constexpr uint64_t kMaxFetchedRow = 8192;

// Fetches what lies `ahead` bytes behind `from`, which need not exist. In
// integers: a pointer may not leave its array, an address may.
void Fetch(const char* from, uint64_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(from) + ahead));
}

// Both copy one row and fetch the one `ahead` bytes further on.
void CopyRow(const char* from, uint64_t ahead, char* to, uint64_t bytes) {
  if (bytes <= kMaxFetchedRow) {
    for (uint64_t i = 0; i < bytes; i += kLine) Fetch(from, i + ahead);
  }
  memcpy(to, from, bytes);
}

#if defined(__SSE2__)
void StreamRow(const char* from, uint64_t ahead, char* to, uint64_t bytes) {
  const uint64_t head = -reinterpret_cast<uintptr_t>(to) % kLine;
  memcpy(to, from, head);
  uint64_t i = head;
  for (; i + kLine <= bytes; i += kLine) {
    Fetch(from, i + ahead);
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
constexpr auto StreamRow = CopyRow;
#endif

// One row after the other; rows that touch each other on both sides are one.
void CopyRows(const char* from, uint64_t from_stride, char* to,
              uint64_t to_stride, uint64_t row_bytes, int64_t rows,
              StoreMode mode) {
  if (from_stride == row_bytes && to_stride == row_bytes) {
    memcpy(to, from, row_bytes * rows);
    return;
  }
  const bool stream =
      mode == StoreMode::kStreaming && row_bytes >= kMinStreamedRow;
  const auto copy = stream ? StreamRow : CopyRow;
  for (int64_t i = 0; i < rows; ++i) {
    copy(from + i * from_stride, kRowsAhead * from_stride, to + i * to_stride,
         row_bytes);
  }
}

}  // namespace

void CopyToWire(const RowRun& run, const void* tensor, void* wire) {
  if (run.row_bytes == 0 || run.rows == 0) return;
  CopyRows(static_cast<const char*>(tensor) + run.tensor_offset, run.row_stride,
           static_cast<char*>(wire) + run.wire_offset, run.wire_stride,
           run.row_bytes, run.rows, StoreMode::kCached);
}

void CopyFromWire(const RowRun& run, const void* wire, void* tensor,
                  StoreMode mode) {
  if (run.row_bytes == 0 || run.rows == 0) return;
  CopyRows(static_cast<const char*>(wire) + run.wire_offset, run.wire_stride,
           static_cast<char*>(tensor) + run.tensor_offset, run.row_stride,
           run.row_bytes, run.rows, mode);
}

void FinishStores(StoreMode mode) {
#if defined(__SSE2__)
  if (mode == StoreMode::kStreaming) _mm_sfence();
#endif
}

}  // namespace ithaca::ulysses
