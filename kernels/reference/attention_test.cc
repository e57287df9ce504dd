#include "kernels/reference/attention.h"

#include <cmath>
#include <cstring>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/attention_f64.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

struct Tensors {
  std::vector<char> q, k, v;
};

std::vector<char> RandomTensor(const AttentionSpec& spec, size_t heads,
                               float magnitude, std::mt19937* rng) {
  std::normal_distribution<double> normal(0.0, magnitude);
  std::vector<double> values(spec.batch * spec.tokens * heads * spec.head_size);
  for (double& x : values) x = normal(*rng);
  std::vector<char> data(values.size() * ElementBytes(spec.dtype));
  RoundToDtype(spec.dtype, values, data.data());
  return data;
}

Tensors RandomTensors(const AttentionSpec& spec, float magnitude,
                      std::mt19937* rng) {
  return {RandomTensor(spec, spec.q_heads.size(), magnitude, rng),
          RandomTensor(spec, spec.kv_heads.size(), magnitude, rng),
          RandomTensor(spec, spec.kv_heads.size(), magnitude, rng)};
}

std::vector<char> Forward(const AttentionSpec& spec, const Tensors& t) {
  std::vector<char> o(t.q.size(), static_cast<char>(0xA5));
  ithaca_ulysses_error error;
  EXPECT_EQ(AttentionForward(spec, t.q.data(), t.k.data(), t.v.data(), o.data(),
                             &error),
            0)
      << error.message;
  return o;
}

// Largest relative error of rounding to the dtype: 2^-p with p bits of
// significand.
double RelativeRounding(int32_t dtype) {
  if (dtype == ITHACA_ULYSSES_F32) return std::ldexp(1.0, -24);
  return std::ldexp(1.0, dtype == ITHACA_ULYSSES_BF16 ? -8 : -11);
}

AttentionSpec RandomSpec(std::mt19937* rng) {
  auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<>(low, high)(*rng);
  };
  AttentionSpec spec;
  spec.dtype = draw(1, 3);
  spec.layout = draw(1, 2);
  spec.batch = draw(1, 2);
  spec.tokens = draw(1, 200);
  spec.valid_tokens =
      draw(0, 3) ? spec.tokens : draw(0, static_cast<int>(spec.tokens));
  spec.head_size = draw(0, 1) ? draw(1, 40) : 64;
  spec.num_kv_heads = draw(1, 3);
  spec.num_q_heads = spec.num_kv_heads * draw(1, 3);
  spec.causal = draw(0, 1);
  spec.softmax_scale = draw(0, 3) ? 0.0 : 0.25;
  spec.threads = draw(1, 3);
  spec.UseAllHeads();
  return spec;
}

TEST(AttentionForwardTest, AgreesWithTheDefinitionInDouble) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    const AttentionSpec spec = RandomSpec(&rng);
    const Tensors t = RandomTensors(spec, 2.0f, &rng);
    const std::vector<double> expected =
        AttentionForwardF64(spec, t.q.data(), t.k.data(), t.v.data());
    const std::vector<char> o = Forward(spec, t);
    const std::vector<double> got =
        ToDoubles(spec.dtype, o.data(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      // 4e-5: fp32 dots of up to 64 terms of magnitude 4 in the exponent.
      const double bound =
          RelativeRounding(spec.dtype) * std::fabs(expected[i]) + 4e-5;
      ASSERT_NEAR(got[i], expected[i], bound) << "element " << i;
    }
  }
}

TEST(AttentionForwardTest, HandComputedCase) {
  // One head, d = 1, scale 1: weights of token 1 are softmax(0, ln 3) = 1/4,
  // 3/4.
  AttentionSpec spec;
  spec.dtype = ITHACA_ULYSSES_F32;
  spec.tokens = spec.valid_tokens = 2;
  spec.head_size = 1;
  spec.num_q_heads = spec.num_kv_heads = 1;
  spec.softmax_scale = 1.0;
  spec.UseAllHeads();
  const float q[] = {5.0f, 1.0f}, k[] = {0.0f, std::log(3.0f)},
              v[] = {8.0f, 16.0f};
  float o[2] = {NAN, NAN};
  ASSERT_EQ(AttentionForward(spec, q, k, v, o, nullptr), 0);
  EXPECT_EQ(o[0], 8.0f);
  EXPECT_NEAR(o[1], 14.0f, 1e-5f);
  spec.causal = false;
  ASSERT_EQ(AttentionForward(spec, q, k, v, o, nullptr), 0);
  EXPECT_NEAR(o[0], (8.0 + 243.0 * 16.0) / 244.0, 1e-4);
}

// Copies the listed heads of a tensor of all heads.
std::vector<char> TakeHeads(const AttentionSpec& spec,
                            const std::vector<char>& all, int32_t num_heads,
                            const std::vector<int32_t>& heads) {
  const size_t e = ElementBytes(spec.dtype), run = spec.head_size * e;
  std::vector<char> out(all.size() / num_heads * heads.size());
  for (int64_t bi = 0; bi < spec.batch; ++bi) {
    for (int64_t s = 0; s < spec.tokens; ++s) {
      for (size_t i = 0; i < heads.size(); ++i) {
        memcpy(&out[ElementOffset(spec, bi, s, i, heads.size()) * e],
               &all[ElementOffset(spec, bi, s, heads[i], num_heads) * e], run);
      }
    }
  }
  return out;
}

TEST(AttentionForwardTest, AHeadHasTheSameBitsInAnyCompany) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    const AttentionSpec spec = RandomSpec(&rng);
    const Tensors t = RandomTensors(spec, 1.0f, &rng);
    const std::vector<char> all = Forward(spec, t);
    // Any subset of query heads, in any order, with the KV heads in any order.
    AttentionSpec some = spec;
    std::shuffle(some.q_heads.begin(), some.q_heads.end(), rng);
    some.q_heads.resize(1 + seed % some.q_heads.size());
    std::shuffle(some.kv_heads.begin(), some.kv_heads.end(), rng);
    some.threads = 1;
    const Tensors part = {
        TakeHeads(spec, t.q, spec.num_q_heads, some.q_heads),
        TakeHeads(spec, t.k, spec.num_kv_heads, some.kv_heads),
        TakeHeads(spec, t.v, spec.num_kv_heads, some.kv_heads)};
    EXPECT_EQ(Forward(some, part),
              TakeHeads(spec, all, spec.num_q_heads, some.q_heads));
  }
}

TEST(AttentionForwardTest, PadIsNeitherSeenNorComputed) {
  std::mt19937 rng(7);
  AttentionSpec spec = RandomSpec(&rng);
  spec.dtype = ITHACA_ULYSSES_F32;
  spec.tokens = 150;
  spec.valid_tokens = 130;
  for (bool causal : {false, true}) {
    spec.causal = causal;
    Tensors t = RandomTensors(spec, 1.0f, &rng);
    const std::vector<char> before = Forward(spec, t);
    for (std::vector<char>* x : {&t.q, &t.k, &t.v}) {
      const int64_t heads = x == &t.q ? spec.num_q_heads : spec.num_kv_heads;
      auto* f = reinterpret_cast<float*>(x->data());
      for (int64_t bi = 0; bi < spec.batch; ++bi) {
        for (int64_t s = spec.valid_tokens; s < spec.tokens; ++s) {
          std::fill_n(f + ElementOffset(spec, bi, s, 0, heads),
                      heads * spec.head_size, NAN);
        }
      }
    }
    EXPECT_EQ(Forward(spec, t), before);
    const auto* o = reinterpret_cast<const float*>(before.data());
    for (int64_t c = 0; c < spec.num_q_heads * spec.head_size; ++c) {
      EXPECT_EQ(
          o[ElementOffset(spec, 0, spec.valid_tokens, 0, spec.num_q_heads) + c],
          0.0f);
    }
  }
}

TEST(AttentionForwardTest, LargeScoresNeitherOverflowNorVanish) {
  AttentionSpec spec;
  spec.dtype = ITHACA_ULYSSES_F32;
  spec.tokens = spec.valid_tokens = 130;
  spec.head_size = 8;
  spec.num_q_heads = spec.num_kv_heads = 1;
  spec.UseAllHeads();
  std::mt19937 rng(3);
  const Tensors t = RandomTensors(spec, 1000.0f, &rng);
  const std::vector<char> o = Forward(spec, t);
  for (double x :
       ToDoubles(spec.dtype, o.data(), spec.tokens * spec.head_size)) {
    ASSERT_TRUE(std::isfinite(x));
  }
}

TEST(AttentionForwardTest, NanStaysWithTheRowsThatSeeIt) {
  AttentionSpec spec;
  spec.dtype = ITHACA_ULYSSES_F32;
  spec.tokens = spec.valid_tokens = 100;
  spec.head_size = 8;
  spec.num_q_heads = spec.num_kv_heads = 1;
  spec.UseAllHeads();
  std::mt19937 rng(3);
  Tensors t = RandomTensors(spec, 1.0f, &rng);
  reinterpret_cast<float*>(t.k.data())[70 * 8] = NAN;
  const std::vector<char> o = Forward(spec, t);
  const std::vector<double> got = ToDoubles(spec.dtype, o.data(), 100 * 8);
  for (int64_t s = 0; s < 100; ++s)
    EXPECT_EQ(std::isnan(got[s * 8]), s >= 70) << s;
}

TEST(AttentionForwardTest, RefusesWrongSpecs) {
  AttentionSpec good;
  good.tokens = good.valid_tokens = 2;
  good.head_size = 4;
  good.num_q_heads = 4;
  good.num_kv_heads = 2;
  good.UseAllHeads();
  char buffer[256] = {};
  auto code = [&](const AttentionSpec& spec, const char* expected) {
    ithaca_ulysses_error error;
    const int32_t c =
        AttentionForward(spec, buffer, buffer, buffer, buffer, &error);
    EXPECT_NE(strstr(error.message, expected), nullptr) << error.message;
    EXPECT_EQ(c, error.code);
    return c;
  };
  AttentionSpec s = good;
  s.kv_heads = {0};
  EXPECT_EQ(code(s, "query head 2 needs KV head 1"),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  s = good;
  s.q_heads = {4};
  EXPECT_EQ(code(s, "q_heads names head 4"), ITHACA_ULYSSES_INVALID_ARGUMENT);
  s = good;
  s.num_kv_heads = 3;
  EXPECT_EQ(code(s, "expected a multiple"), ITHACA_ULYSSES_INVALID_ARGUMENT);
  s = good;
  s.valid_tokens = 3;
  EXPECT_EQ(code(s, "valid_tokens"), ITHACA_ULYSSES_INVALID_ARGUMENT);
  s = good;
  s.dtype = 9;
  EXPECT_EQ(code(s, "dtype is 9"), ITHACA_ULYSSES_UNSUPPORTED);
  s = good;
  s.layout = 0;
  EXPECT_EQ(code(s, "layout is 0"), ITHACA_ULYSSES_UNSUPPORTED);
  s = good;
  s.head_size = 0;
  EXPECT_EQ(code(s, "head_size"), ITHACA_ULYSSES_INVALID_ARGUMENT);
  s = good;
  s.softmax_scale = INFINITY;
  EXPECT_EQ(code(s, "softmax_scale"), ITHACA_ULYSSES_INVALID_ARGUMENT);
  EXPECT_EQ(AttentionForward(good, nullptr, buffer, buffer, buffer, nullptr),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
}

// d/dx of sum(o * g) by central differences, in double, at fp32 inputs.
double Slope(const AttentionSpec& spec, Tensors t,
             std::vector<char> Tensors::*which, int64_t i,
             const std::vector<double>& g) {
  float* x = reinterpret_cast<float*>((t.*which).data()) + i;
  const float middle = *x, high = middle + 0.0009765625f,
              low = middle - 0.0009765625f;
  auto loss = [&](float value) {
    *x = value;
    const std::vector<double> o =
        AttentionForwardF64(spec, t.q.data(), t.k.data(), t.v.data());
    double sum = 0.0;
    for (size_t j = 0; j < o.size(); ++j) sum += o[j] * g[j];
    return sum;
  };
  return (loss(high) - loss(low)) / (static_cast<double>(high) - low);
}

TEST(AttentionBackwardTest, AgreesWithFiniteDifferences) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    AttentionSpec spec = RandomSpec(&rng);
    spec.dtype = ITHACA_ULYSSES_F32;
    spec.tokens = 1 + seed;
    spec.valid_tokens = seed % 3 == 1 ? seed : 1 + seed;
    spec.head_size = 1 + seed % 5;
    const Tensors t = RandomTensors(spec, 1.0f, &rng);
    const std::vector<char> grad_o =
        RandomTensor(spec, spec.num_q_heads, 1.0f, &rng);
    const std::vector<double> g =
        ToDoubles(spec.dtype, grad_o.data(), grad_o.size() / 4);
    const AttentionGradients got = AttentionBackwardF64(
        spec, t.q.data(), t.k.data(), t.v.data(), grad_o.data());
    for (size_t i = 0; i < got.dq.size(); ++i) {
      ASSERT_NEAR(got.dq[i], Slope(spec, t, &Tensors::q, i, g), 2e-5) << i;
    }
    for (size_t i = 0; i < got.dk.size(); ++i) {
      ASSERT_NEAR(got.dk[i], Slope(spec, t, &Tensors::k, i, g), 2e-5) << i;
      ASSERT_NEAR(got.dv[i], Slope(spec, t, &Tensors::v, i, g), 2e-5) << i;
    }
  }
}

}  // namespace
}  // namespace ithaca::ulysses
