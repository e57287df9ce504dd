// Checks that several readers of a caller's plan share.
//
// Used by plan_check.cc and token_check.cc. Pure; nothing here reads further
// than its arguments say.
#ifndef ITHACA_KERNELS_REFERENCE_CHECKS_H_
#define ITHACA_KERNELS_REFERENCE_CHECKS_H_

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/reference/error.h"

namespace ithaca::ulysses {

inline constexpr uint64_t kMaxBytes = uint64_t{1} << 62;
inline constexpr uint32_t kMaxStructBytes = 4096;

template <typename T>
int32_t CheckPointer(const char* field, const T* pointer,
                     ithaca_ulysses_error* error) {
  if (pointer == nullptr)
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "%s is NULL", field);
  if (reinterpret_cast<uintptr_t>(pointer) % alignof(T) != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s is not aligned to %zu bytes", field, alignof(T));
  }
  return ITHACA_ULYSSES_OK;
}

// Copies a struct that begins with its size and may be of an older or a newer
// caller: at least `least` bytes; what the caller does not have is zero, what
// this library does not know must be.
template <typename T>
int32_t CopyVersioned(const char* field, const T* from, uint32_t least, T* copy,
                      ithaca_ulysses_error* error) {
  if (int32_t code = CheckPointer(field, from, error)) return code;
  const uint32_t size = from->struct_size;
  if (size < least || size > kMaxStructBytes) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s.struct_size is %u, expected %u to %u: set it to the size "
                "of the struct",
                field, size, least, kMaxStructBytes);
  }
  *copy = T();
  memcpy(copy, from, std::min<size_t>(size, sizeof(T)));
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  for (uint32_t i = sizeof(T); i < size; ++i) {
    if (bytes[i] == 0) continue;
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "byte %u of %s is set, but API version %d of this library "
                "knows only %zu bytes: use a newer libithaca_ulysses.so",
                i, field, ITHACA_ULYSSES_API_VERSION, sizeof(T));
  }
  return ITHACA_ULYSSES_OK;
}

// Indices in ascending order of `start`; among equals the empty ones first.
template <typename Start, typename Count>
std::vector<int64_t> Ascending(int64_t n, Start start, Count count) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (start(a) != start(b)) return start(a) < start(b);
    return count(a) != count(b) ? count(a) < count(b) : a < b;
  });
  return order;
}

// [start(i), start(i) + count(i)) of all `who` i must tile [0, total).
template <typename Start, typename Count>
int32_t CheckTiling(const char* who, const char* what, int64_t n, int64_t total,
                    Start start, Count count, ithaca_ulysses_error* error) {
  int64_t next = 0;
  for (int64_t i : Ascending(n, start, count)) {
    const int64_t s = start(i), c = count(i);
    if (s != next) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "%s %" PRId64 ": %s start at %" PRId64 ", expected %" PRId64
                  ": the %ss' %s must tile [0, %" PRId64
                  ") without gap or overlap",
                  who, i, what, s, next, who, what, total);
    }
    if (c > total - next) {
      return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                  "%s %" PRId64 ": %s [%" PRId64 ", +%" PRId64
                  ") end behind %" PRId64,
                  who, i, what, s, c, total);
    }
    next += c;
  }
  if (next == total) return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
              "the %ss' %s cover %" PRId64 ", expected %" PRId64, who, what,
              next, total);
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_CHECKS_H_
