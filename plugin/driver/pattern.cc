#include "plugin/driver/pattern.h"

#include <cstring>

namespace ithaca::driver {
namespace {

// The word at index `i`. A multiplication and a fold: neighbouring words and
// neighbouring keys share no byte by rule.
inline uint64_t Word(uint64_t key, uint64_t i) {
  const uint64_t x = (key ^ (i + 1)) * 0x9e3779b97f4a7c15;
  return x ^ (x >> 29);
}

void Write(void* data, size_t bytes, uint64_t key, uint64_t flip) {
  char* to = static_cast<char*>(data);
  const size_t words = bytes / 8;
  for (size_t i = 0; i < words; ++i) {
    const uint64_t word = Word(key, i) ^ flip;
    memcpy(to + 8 * i, &word, 8);
  }
  const uint64_t last = Word(key, words) ^ flip;
  memcpy(to + 8 * words, &last, bytes % 8);
}

}  // namespace

uint64_t PatternKey(uint64_t iteration, int from, int to) {
  uint64_t x = iteration * 0xbf58476d1ce4e5b9 +
               (static_cast<uint64_t>(from) << 32 | static_cast<uint32_t>(to));
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void FillPattern(void* data, size_t bytes, uint64_t key) {
  Write(data, bytes, key, 0);
}

void PoisonPattern(void* data, size_t bytes, uint64_t key) {
  Write(data, bytes, key, ~uint64_t{0});
}

uint8_t PatternByte(uint64_t key, size_t position) {
  return static_cast<uint8_t>(Word(key, position / 8) >> (position % 8 * 8));
}

size_t CheckPattern(const void* data, size_t bytes, uint64_t key) {
  const char* from = static_cast<const char*>(data);
  const size_t words = bytes / 8;
  size_t at = 8 * words;
  for (size_t i = 0; i < words; ++i) {
    uint64_t word;
    memcpy(&word, from + 8 * i, 8);
    if (word != Word(key, i)) {
      at = 8 * i;
      break;
    }
  }
  for (; at < bytes; ++at) {
    if (static_cast<uint8_t>(from[at]) != PatternByte(key, at)) return at;
  }
  return bytes;
}

}  // namespace ithaca::driver
