#include "plugin/shm/copy.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ithaca {

#if defined(__x86_64__)

namespace {

constexpr size_t kLine = 64;

// Streaming ends with a wait for the last lines, which had better be little of
// the whole.
constexpr size_t kLeastStreamed = 8 << 10;

// `to` is aligned to lines, `bytes` in whole ones. 256 bits do as well as 512.
__attribute__((target("avx"))) void StreamLines(uint8_t* to,
                                                const uint8_t* from,
                                                size_t bytes) {
  for (size_t i = 0; i < bytes; i += kLine) {
    const __m256i low =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    const __m256i high =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + 32));
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), low);
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i + 32), high);
  }
  _mm_sfence();  // streamed lines keep no order by themselves
}

void Stream(uint8_t* to, const uint8_t* from, size_t bytes) {
  const size_t head = -reinterpret_cast<uintptr_t>(to) % kLine;
  const size_t lines = (bytes - head) / kLine * kLine;
  memcpy(to, from, head);
  memcpy(to + head + lines, from + head + lines, bytes - head - lines);
  StreamLines(to + head, from + head, lines);
}

}  // namespace

void CopyForLater(void* to, const void* from, size_t bytes) {
  if (bytes >= kLeastStreamed && __builtin_cpu_supports("avx"))
    Stream(static_cast<uint8_t*>(to), static_cast<const uint8_t*>(from), bytes);
  else
    memcpy(to, from, bytes);
}

#else

void CopyForLater(void* to, const void* from, size_t bytes) {
  memcpy(to, from, bytes);
}

#endif

}  // namespace ithaca
