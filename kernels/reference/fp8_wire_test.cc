// The quantised wire: its numbers against their definition, and the exchange
// over it against dequantise(quantise(x)) of the whole tensors.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/float_convert.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

// By the definition: sign, 4 bits of exponent with bias 7, 3 of mantissa.
double E4m3(int bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if ((bits & 0x7F) == 0x7F) return std::numeric_limits<double>::quiet_NaN();
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, -9)
                               : std::ldexp(8 + mantissa, exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

TEST(E4m3Test, EveryPatternComesBack) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto pattern = static_cast<uint8_t>(bits);
    const float value = E4m3ToFloat(pattern);
    if ((bits & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else {
      EXPECT_EQ(value, E4m3(bits)) << bits;
    }
    EXPECT_EQ(FloatToE4m3(value), pattern) << bits;
  }
}

// Halfway between neighbours, just below and just above.
TEST(E4m3Test, RoundsToNearestEven) {
  for (int bits = 0; bits < 0x7E; ++bits) {
    const auto low = static_cast<float>(E4m3(bits));
    const auto high = static_cast<float>(E4m3(bits + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(FloatToE4m3(middle), bits + (bits & 1)) << bits;
    EXPECT_EQ(FloatToE4m3(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(FloatToE4m3(std::nextafter(middle, 1e9f)), bits + 1);
    EXPECT_EQ(FloatToE4m3(-middle), 0x80 + bits + (bits & 1));
  }
  EXPECT_EQ(FloatToE4m3(1e30f), 0x7E);
  EXPECT_EQ(FloatToE4m3(464.0f), 0x7E);
  EXPECT_EQ(FloatToE4m3(std::numeric_limits<float>::infinity()), 0x7F);
  EXPECT_EQ(FloatToE4m3(-std::numeric_limits<float>::quiet_NaN()) & 0x7F, 0x7F);
}

// What a head of one token becomes, in fp32.
template <typename T>
std::vector<float> ThroughWire(const typename T::Storage* x, int64_t n) {
  float amax = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(T::Load(x[i]));
    if (std::isfinite(magnitude)) amax = std::max(amax, magnitude);
  }
  const float scale = std::max(amax / 448.0f, 0x1p-126f);
  std::vector<float> result;
  for (int64_t i = 0; i < n; ++i) {
    const float value = T::Load(x[i]);
    result.push_back(std::isfinite(value)
                         ? E4m3ToFloat(FloatToE4m3(value * (1.0f / scale))) *
                               scale
                         : std::numeric_limits<float>::quiet_NaN());
  }
  return result;
}

// Element by element: equal, or both NaN.
template <typename T>
void ExpectSame(const std::vector<char>& got, const std::vector<float>& want) {
  using Storage = typename T::Storage;
  ASSERT_EQ(got.size(), want.size() * sizeof(Storage));
  for (size_t i = 0; i < want.size(); ++i) {
    Storage raw;
    memcpy(&raw, &got[i * sizeof(Storage)], sizeof(raw));
    const float expected = T::Load(T::Store(want[i]));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(T::Load(raw))) << i;
    } else {
      ASSERT_EQ(T::Load(raw), expected) << i;
    }
  }
}

// fp32 values of a tensor after the wire; heads of one token at a time.
std::vector<float> WholeThroughWire(int32_t dtype, const WholeTensor& t) {
  std::vector<float> all;
  WithDtype(dtype, [&](auto type) {
    using T = decltype(type);
    const auto* x = reinterpret_cast<const typename T::Storage*>(t.data.data());
    const int64_t n = static_cast<int64_t>(t.data.size()) / t.element_bytes;
    for (int64_t i = 0; i < n; i += t.head_size) {
      const std::vector<float> head = ThroughWire<T>(x + i, t.head_size);
      all.insert(all.end(), head.begin(), head.end());
    }
  });
  return all;
}

TEST(QuantisedExchangeTest, QToHeadsIsTheDefinition) {
  const int32_t step = ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD;  // q alone
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    RandomPlanLimits limits;
    limits.quantised = true;
    limits.max_head_size = 300;  // more than a block
    const FlatPlan plan = RandomPlan(&rng, limits);
    const LocalGroup group(plan);
    WholeTensor whole = MakeWhole(plan, TotalTokens(plan), plan.num_q_heads);
    // Any bits: infinities, NaNs and denormals too.
    if (seed % 2) {
      FillWithBytes(&rng, &whole);
    } else {
      FillWithNormals(&rng, plan.dtype, &whole);
    }
    std::vector<RankTensors> inputs;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      const WholeTensor part =
          Slice(whole, PositionsOf(plan, r), 0, whole.heads, plan.layout);
      std::copy(part.data.begin(), part.data.end(), inputs[r][0].data());
    }
    const std::vector<RankTensors> outputs = group.Exchange(step, inputs);
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      const WholeTensor expected =
          Slice(whole, 0, whole.tokens, plan.q_head_start[r],
                plan.q_head_count[r], plan.layout);
      WithDtype(plan.dtype, [&](auto type) {
        ExpectSame<decltype(type)>(outputs[r][0].Copy(),
                                   WholeThroughWire(plan.dtype, expected));
      });
      if (HasFatalFailure()) return;
    }
  }
}

TEST(QuantisedExchangeTest, GradientsAreAddedInFp32AndRoundedOnce) {
  const int32_t step = ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    RandomPlanLimits limits;
    limits.quantised = true;
    limits.max_group = 12;
    const FlatPlan plan = RandomPlan(&rng, limits);
    const LocalGroup group(plan);
    std::vector<RankTensors> inputs;
    std::vector<float> sum(plan.batch * TotalTokens(plan) * plan.num_kv_heads *
                           plan.head_size);
    std::vector<char> seen(sum.size());
    const WholeTensor like =
        MakeWhole(plan, TotalTokens(plan), plan.num_kv_heads);
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      const int64_t heads = plan.kv_offsets[r + 1] - plan.kv_offsets[r];
      WholeTensor part = MakeWhole(plan, TotalTokens(plan), heads);
      FillWithNormals(&rng, plan.dtype, &part);
      for (int i : {1, 2})
        std::copy(part.data.begin(), part.data.end(), inputs[r][i].data());
      std::fill_n(inputs[r][0].data(), inputs[r][0].bytes(), 0);
      const std::vector<float> through = WholeThroughWire(plan.dtype, part);
      for (int64_t bi = 0; bi < part.batch; ++bi) {
        for (int64_t s = 0; s < part.tokens; ++s) {
          for (int64_t h = 0; h < heads; ++h) {
            const int64_t from = part.Offset(bi, s, h) / part.element_bytes;
            const int64_t to =
                like.Offset(bi, s, plan.kv_heads[plan.kv_offsets[r]] + h) /
                like.element_bytes;
            for (int64_t c = 0; c < part.head_size; ++c) {
              sum[to + c] = seen[to + c] ? sum[to + c] + through[from + c]
                                         : through[from + c];
              seen[to + c] = 1;
            }
          }
        }
      }
    }
    const std::vector<RankTensors> outputs = group.Exchange(step, inputs);
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      std::vector<float> expected;
      WholeTensor shape = like;
      shape.element_bytes = 1;  // offsets count elements
      const std::vector<int64_t> rows = PositionsOf(plan, r);
      WholeTensor own = shape;
      own.tokens = static_cast<int64_t>(rows.size());
      expected.resize(own.batch * own.tokens * own.heads * own.head_size);
      for (int64_t bi = 0; bi < own.batch; ++bi) {
        for (int64_t s = 0; s < own.tokens; ++s) {
          std::copy_n(&sum[shape.Offset(bi, rows[s], 0)],
                      own.heads * own.head_size,
                      &expected[own.Offset(bi, s, 0)]);
        }
      }
      for (int i : {1, 2}) {
        WithDtype(plan.dtype, [&](auto type) {
          ExpectSame<decltype(type)>(outputs[r][i].Copy(), expected);
        });
      }
      if (HasFatalFailure()) return;
    }
  }
}

// The bound that the header states.
TEST(QuantisedExchangeTest, ErrorStaysWithinItsBound) {
  std::mt19937 rng(7);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> x(1 + rng() % 256);
    for (float& v : x)
      v = std::ldexp(normal(rng), static_cast<int>(rng() % 40) - 30);
    float amax = 0;
    for (float v : x) amax = std::max(amax, std::fabs(v));
    const float scale = std::max(amax / 448.0f, 0x1p-126f);
    const auto y = ThroughWire<F32>(x.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double bound =
          std::max(std::ldexp(std::fabs(x[i]), -4), std::ldexp(scale, -10));
      // Four roundings of fp32 on the way.
      ASSERT_LE(std::fabs(double{y[i]} - x[i]),
                bound + std::ldexp(std::fabs(x[i]), -22));
    }
  }
}

TEST(QuantisedExchangeTest, MessagesAreHalfAndPaddedWithZeros) {
  FlatPlan plan = EvenPlan(2, 6, 4, 2, 8, ITHACA_ULYSSES_BF16);
  plan.wire = ITHACA_ULYSSES_WIRE_FP8_E4M3;
  const LocalGroup group(plan);
  const int32_t step = ITHACA_ULYSSES_SEQ_TO_HEADS;
  std::vector<RankTensors> inputs;
  for (int32_t r = 0; r < 2; ++r) {
    inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    for (GuardedBuffer& t : inputs[r]) std::fill_n(t.data(), t.bytes(), 0x3F);
  }
  const auto messages = group.Pack(step, inputs);
  // 3 tokens of 2 query heads: 24 bytes of scales, 48 of elements; of 1 KV head
  // 12 and 24, twice.
  const std::vector<char> m = messages[0][1].Copy();
  ASSERT_EQ(m.size(), 32u + 48 + 2 * (16 + 32));
  for (size_t i : {24u, 31u, 80u + 12, 80u + 15, 80u + 16 + 24, 127u})
    EXPECT_EQ(m[i], 0) << i;
  EXPECT_NE(m[23], 0);
  EXPECT_NE(m[79], 0);
}

}  // namespace
}  // namespace ithaca::ulysses
