// Bytes that say where they belong: a function of a key and of the position.
//
// Fill what is sent, poison what is received into, transfer, check every byte:
// a byte that is missing, doubled, moved, stale or changed is found. Used by
// ithaca-perf and the tests. Pure functions on the caller's memory.
#ifndef ITHACA_PLUGIN_DRIVER_PATTERN_H_
#define ITHACA_PLUGIN_DRIVER_PATTERN_H_

#include <cstddef>
#include <cstdint>

namespace ithaca::driver {

// Names one block of bytes: who sends it to whom in which iteration.
uint64_t PatternKey(uint64_t iteration, int from, int to);

void FillPattern(void* data, size_t bytes, uint64_t key);

// The position of the first byte that differs from the pattern, or `bytes`.
size_t CheckPattern(const void* data, size_t bytes, uint64_t key);

// The byte that belongs at `position`.
uint8_t PatternByte(uint64_t key, size_t position);

// Makes all bytes wrong: each is the complement of what FillPattern writes.
void PoisonPattern(void* data, size_t bytes, uint64_t key);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_PATTERN_H_
