// Every one of the 65,536 values of both 16-bit dtypes, and every border
// between two neighbours, against decoding and rounding done in double by the
// definition.
#include "kernels/reference/float_convert.h"

#include <cmath>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace ithaca::ulysses {
namespace {

struct Format {
  const char* name;
  int exponent_bits;
  int mantissa_bits;
  float (*load)(uint16_t);
  uint16_t (*store)(float);
};

const Format kFormats[] = {{"bf16", 8, 7, Bf16ToFloat, FloatToBf16},
                           {"f16", 5, 10, F16ToFloat, FloatToF16}};

uint32_t InfinityBits(const Format& f) {
  return ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
}

// The value of a pattern by the definition of the format; infinity's is what
// the next power of two would be.
double Decode(const Format& f, uint32_t bits) {
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>((bits & 0x7FFF) >> f.mantissa_bits);
  const int mantissa = static_cast<int>(bits & ((1u << f.mantissa_bits) - 1));
  const double value = exponent == 0
                           ? std::ldexp(mantissa, 1 - bias - f.mantissa_bits)
                           : std::ldexp(mantissa + (1 << f.mantissa_bits),
                                        exponent - bias - f.mantissa_bits);
  return (bits & 0x8000) != 0 ? -value : value;
}

class FloatConvertTest : public testing::TestWithParam<Format> {};

TEST_P(FloatConvertTest, DecodesAllValues) {
  const Format& f = GetParam();
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f.load(static_cast<uint16_t>(bits));
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    const uint32_t magnitude = bits & 0x7FFF;
    if (magnitude > InfinityBits(f)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
    } else if (magnitude == InfinityBits(f)) {
      ASSERT_TRUE(std::isinf(value)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), Decode(f, bits)) << bits;
    }
  }
}

TEST_P(FloatConvertTest, AllValuesSurviveTheRoundTrip) {
  const Format& f = GetParam();
  const uint32_t quiet = 1u << (f.mantissa_bits - 1);
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool nan = (bits & 0x7FFF) > InfinityBits(f);
    ASSERT_EQ(f.store(f.load(static_cast<uint16_t>(bits))),
              nan ? bits | quiet : bits)
        << bits;
  }
}

TEST_P(FloatConvertTest, RoundsToNearestEvenAtEveryBorder) {
  const Format& f = GetParam();
  const float inf = std::numeric_limits<float>::infinity();
  for (uint32_t low = 0; low < InfinityBits(f); ++low) {
    const uint32_t high = low + 1;
    const double middle = (Decode(f, low) + Decode(f, high)) / 2;
    const auto border = static_cast<float>(middle);
    ASSERT_EQ(static_cast<double>(border), middle);
    const uint32_t even = low % 2 == 0 ? low : high;
    for (uint32_t sign : {0u, 0x8000u}) {
      const float s = sign != 0 ? -1.0f : 1.0f;
      ASSERT_EQ(f.store(s * border), sign | even) << low;
      ASSERT_EQ(f.store(s * std::nextafter(border, 0.0f)), sign | low) << low;
      ASSERT_EQ(f.store(s * std::nextafter(border, inf)), sign | high) << low;
    }
  }
}

TEST_P(FloatConvertTest, KeepsNanAndOverflowsToInfinity) {
  const Format& f = GetParam();
  const uint32_t inf = InfinityBits(f);
  EXPECT_EQ(f.store(std::numeric_limits<float>::max()), inf);
  EXPECT_EQ(f.store(-std::numeric_limits<float>::max()), 0x8000 | inf);
  EXPECT_EQ(f.store(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f.store(-0.0f), 0x8000);
  // NaN patterns whose payload is only in the bits that are cut off, too.
  for (uint32_t payload = 1; payload < 0x800000;
       payload = payload * 3 / 2 + 1) {
    for (uint32_t sign : {0u, 0x80000000u}) {
      const uint16_t got = f.store(FloatOf(sign | 0x7F800000 | payload));
      ASSERT_GT(got & 0x7FFF, inf) << payload;
      ASSERT_EQ(got & 0x8000, sign >> 16);
    }
  }
}

// Monotone and nearest on floats from all over the range.
TEST_P(FloatConvertTest, IsNearestOnRandomFloats) {
  const Format& f = GetParam();
  std::mt19937 rng(5);
  for (int i = 0; i < 200000; ++i) {
    const float value = FloatOf(rng() & 0x7FFFFFFF);
    if (!std::isfinite(value)) continue;
    const uint32_t got = f.store(value);
    const double error = std::fabs(Decode(f, got) - value);
    if (got < InfinityBits(f)) {
      ASSERT_LE(error, std::fabs(Decode(f, got + 1) - value)) << value;
    }
    if (got > 0) {
      ASSERT_LE(error, std::fabs(Decode(f, got - 1) - value)) << value;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FloatConvertTest, testing::ValuesIn(kFormats),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

#if defined(__x86_64__)
__attribute__((target("f16c"))) uint16_t HardwareF16(float value) {
  typedef float V4 __attribute__((vector_size(16)));
  typedef int16_t H8 __attribute__((vector_size(16)));
  const V4 v = {value, 0.0f, 0.0f, 0.0f};
  return static_cast<uint16_t>(
      reinterpret_cast<H8>(__builtin_ia32_vcvtps2ph(v, 0))[0]);
}

TEST(FloatToF16Test, AgreesWithTheProcessor) {
  if (!__builtin_cpu_supports("f16c"))
    GTEST_SKIP() << "this processor has no F16C";
  std::mt19937 rng(6);
  for (int i = 0; i < 2000000; ++i) {
    // Half of them inside the range of f16.
    const uint32_t bits = i % 2 ? rng() : (rng() & 0x8FFFFFFF) | 0x30000000;
    ASSERT_EQ(FloatToF16(FloatOf(bits)), HardwareF16(FloatOf(bits))) << bits;
  }
}
#endif

}  // namespace
}  // namespace ithaca::ulysses
