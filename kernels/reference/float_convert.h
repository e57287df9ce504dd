// Conversions between float and the narrower dtypes, bit patterns as integers.
//
// Used by the gradient sum, the quantised wire, the attention and the tests.
// Pure functions, branch-free so that loops over them vectorise. To 16 bits
// they round to nearest, ties to even, with denormals kept and overflow to
// infinity (IEEE 754-2019 4.3.1); a NaN stays a NaN of the same sign, quiet,
// with the upper bits of its payload. From 16 bits they are exact.
#ifndef ITHACA_KERNELS_REFERENCE_FLOAT_CONVERT_H_
#define ITHACA_KERNELS_REFERENCE_FLOAT_CONVERT_H_

#include <cstdint>
#include <cstring>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/host_device.h"

namespace ithaca::ulysses {

ITHACA_HOST_DEVICE inline uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

ITHACA_HOST_DEVICE inline float FloatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// a where `condition`, else b. In masks, because compilers turn ?: around
// floating point into branches, which do not vectorise.
ITHACA_HOST_DEVICE inline uint32_t Select(bool condition, uint32_t a,
                                          uint32_t b) {
  const uint32_t mask = -static_cast<uint32_t>(condition);
  return (a & mask) | (b & ~mask);
}

ITHACA_HOST_DEVICE inline float Bf16ToFloat(uint16_t value) {
  return FloatOf(uint32_t{value} << 16);
}

ITHACA_HOST_DEVICE inline uint16_t FloatToBf16(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x0040;
  return static_cast<uint16_t>(
      Select((bits & 0x7FFFFFFF) > 0x7F800000, quiet, rounded));
}

ITHACA_HOST_DEVICE inline float F16ToFloat(uint16_t value) {
  const uint32_t sign = (uint32_t{value} & 0x8000) << 16;
  const uint32_t magnitude = uint32_t{value} & 0x7FFF;
  // Normal: move the fields and add the difference of the exponent biases.
  const uint32_t normal = (magnitude << 13) + ((127 - 15) << 23);
  // Infinity and NaN: the exponent becomes all ones.
  const uint32_t special = (magnitude << 13) | 0x7F800000;
  // Denormal: an integer times 2^-24, which float holds exactly.
  const uint32_t denormal =
      BitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t finite = Select(magnitude < 0x0400, denormal, normal);
  return FloatOf(sign | Select(magnitude >= 0x7C00, special, finite));
}

ITHACA_HOST_DEVICE inline uint16_t FloatToF16(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  // Normal: round away 13 bits of mantissa; the carry may run into the
  // exponent.
  const uint32_t normal =
      (magnitude + 0x0FFF + ((magnitude >> 13) & 1) - ((127 - 15) << 23)) >> 13;
  // Denormal result: adding 0.5, whose last place is 2^-24, leaves the rounded
  // integer in the low bits. Zero where not used, so that the sum never traps.
  const uint32_t small = Select(magnitude < 0x38800000, magnitude, 0);
  const uint32_t denormal = BitsOf(FloatOf(small) + 0.5f) - 0x3F000000;
  const uint32_t finite = Select(magnitude < 0x38800000, denormal, normal);
  // 65520 and above round to infinity.
  const uint32_t ordered = Select(magnitude >= 0x477FF000, 0x7C00, finite);
  const uint32_t quiet = 0x7E00 | ((magnitude >> 13) & 0x03FF);
  return static_cast<uint16_t>(sign |
                               Select(magnitude > 0x7F800000, quiet, ordered));
}

// FP8 e4m3 without infinities (OCP OFP8): largest 448, smallest 2^-9. Rounds to
// nearest, ties to even; what is larger than 448 becomes 448, infinities and
// NaNs NaN.
ITHACA_HOST_DEVICE inline uint8_t FloatToE4m3(float value) {
  const uint32_t bits = BitsOf(value);
  const uint32_t sign = (bits >> 24) & 0x80;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  const uint32_t normal =
      (magnitude + 0x7FFFF + ((magnitude >> 20) & 1) - ((127 - 7) << 23)) >> 20;
  // As in FloatToF16; the last place of 2^14 is 2^-9.
  const uint32_t small = Select(magnitude < 0x3C800000, magnitude, 0);
  const uint32_t denormal = BitsOf(FloatOf(small) + 0x1p14f) - BitsOf(0x1p14f);
  const uint32_t finite = Select(magnitude < 0x3C800000, denormal, normal);
  const uint32_t bounded = Select(magnitude > 0x43E00000, 0x7E, finite);
  return static_cast<uint8_t>(sign |
                              Select(magnitude >= 0x7F800000, 0x7F, bounded));
}

ITHACA_HOST_DEVICE inline float E4m3ToFloat(uint8_t value) {
  const uint32_t sign = (uint32_t{value} & 0x80) << 24;
  const uint32_t magnitude = uint32_t{value} & 0x7F;
  const uint32_t normal = (magnitude << 20) + ((127 - 7) << 23);
  const uint32_t denormal =
      BitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-9f);
  const uint32_t finite = Select(magnitude < 8, denormal, normal);
  return FloatOf(sign | Select(magnitude == 0x7F, 0x7FC00000, finite));
}

// Traits of the dtypes: Storage, Load (exact) and Store (rounds to nearest
// even).
struct F32 {
  using Storage = float;
  ITHACA_HOST_DEVICE static float Load(float value) { return value; }
  ITHACA_HOST_DEVICE static float Store(float value) { return value; }
};
struct Bf16 {
  using Storage = uint16_t;
  ITHACA_HOST_DEVICE static float Load(uint16_t value) {
    return Bf16ToFloat(value);
  }
  ITHACA_HOST_DEVICE static uint16_t Store(float value) {
    return FloatToBf16(value);
  }
};
struct F16 {
  using Storage = uint16_t;
  ITHACA_HOST_DEVICE static float Load(uint16_t value) {
    return F16ToFloat(value);
  }
  ITHACA_HOST_DEVICE static uint16_t Store(float value) {
    return FloatToF16(value);
  }
};

// Bytes of one element of an ithaca_ulysses_dtype; 0 for any other value.
ITHACA_HOST_DEVICE inline uint64_t ElementBytes(int32_t dtype) {
  switch (dtype) {
    case ITHACA_ULYSSES_F32:
      return 4;
    case ITHACA_ULYSSES_BF16:
    case ITHACA_ULYSSES_F16:
      return 2;
    default:
      return 0;
  }
}

// Calls f with the traits of `dtype`. REQUIRES: ElementBytes(dtype) != 0.
template <typename F>
auto WithDtype(int32_t dtype, F&& f) {
  if (dtype == ITHACA_ULYSSES_F32) return f(F32());
  if (dtype == ITHACA_ULYSSES_BF16) return f(Bf16());
  return f(F16());
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_FLOAT_CONVERT_H_
