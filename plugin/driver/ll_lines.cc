#include "plugin/driver/ll_lines.h"

#include <cstring>

namespace ithaca::driver {
namespace {

constexpr size_t kHalfData = 4;  // payload bytes of half a line

size_t Halves(size_t bytes) { return LlWireBytes(bytes) / 8; }

}  // namespace

size_t LlWireBytes(size_t bytes) { return (bytes + 7) / 8 * 16; }

void LlEncode(const void* data, size_t bytes, uint32_t flag, void* lines) {
  const char* from = static_cast<const char*>(data);
  uint64_t* to = static_cast<uint64_t*>(lines);
  const size_t whole = bytes / kHalfData;
  const uint64_t high = static_cast<uint64_t>(flag) << 32;
  for (size_t i = 0; i < whole; ++i) {
    uint32_t word;
    memcpy(&word, from + i * kHalfData, kHalfData);
    to[i] = high | word;
  }
  for (size_t i = whole; i < Halves(bytes); ++i) {
    uint32_t word = 0;
    const size_t at = i * kHalfData;
    if (at < bytes) memcpy(&word, from + at, bytes - at);
    to[i] = high | word;
  }
}

bool LlArrived(const void* lines, size_t bytes, uint32_t flag) {
  const uint64_t* from = static_cast<const uint64_t*>(lines);
  for (size_t i = 0; i < Halves(bytes); ++i) {
    const uint64_t half = __atomic_load_n(from + i, __ATOMIC_ACQUIRE);
    if (static_cast<uint32_t>(half >> 32) != flag) return false;
  }
  return true;
}

void LlDecode(const void* lines, size_t bytes, void* data) {
  const uint64_t* from = static_cast<const uint64_t*>(lines);
  char* to = static_cast<char*>(data);
  for (size_t at = 0; at < bytes; at += kHalfData) {
    const uint32_t word = static_cast<uint32_t>(from[at / kHalfData]);
    memcpy(to + at, &word, bytes - at < kHalfData ? bytes - at : kHalfData);
  }
}

}  // namespace ithaca::driver
