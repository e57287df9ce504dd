#include "tests/e2e/demo_model.h"

#include <cmath>
#include <cstring>

#include "kernels/reference/float_convert.h"

namespace ithaca::e2e {
namespace {

constexpr int kEmbedding = 16;

// SplitMix64: a fixed sequence for a fixed seed, on every machine.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Uniform in [-1, 1), a multiple of 2^-23: no rounding, no library function.
float Weight(uint64_t key) {
  return static_cast<float>(Mix(key) >> 40) * 0x1p-23f - 1.0f;
}

// A byte's embedding and a trace of its position.
void EmbedToken(uint8_t byte, int64_t position, float out[kEmbedding]) {
  for (int e = 0; e < kEmbedding; ++e)
    out[e] = Weight(1000 + byte * kEmbedding + e) +
             0.5f * Weight((uint64_t{1} << 40) + position * kEmbedding + e);
}

std::vector<float> ProjectionMatrix(Projection projection, int columns) {
  // Queries are made larger, so that attention is not the same everywhere.
  const float scale = projection == Projection::kQuery ? 2.0f : 1.0f;
  std::vector<float> matrix(static_cast<size_t>(kEmbedding) * columns);
  const uint64_t seed = static_cast<uint64_t>(projection) << 50;
  for (size_t i = 0; i < matrix.size(); ++i)
    matrix[i] = scale * 0.5f * Weight(seed + i);
  return matrix;
}

void Round(const float* row, int columns, int dtype, char* out) {
  for (int c = 0; c < columns; ++c) {
    if (dtype == ITHACA_ULYSSES_F32) {
      memcpy(out + 4 * c, &row[c], 4);
    } else {
      const uint16_t bits = dtype == ITHACA_ULYSSES_BF16
                                ? ulysses::FloatToBf16(row[c])
                                : ulysses::FloatToF16(row[c]);
      memcpy(out + 2 * c, &bits, 2);
    }
  }
}

}  // namespace

std::vector<char> Embed(const std::string& tokens, int64_t first, int64_t count,
                        Projection projection, int heads, int head_size,
                        int dtype) {
  const int columns = heads * head_size;
  const int element = dtype == ITHACA_ULYSSES_F32 ? 4 : 2;
  const std::vector<float> matrix = ProjectionMatrix(projection, columns);
  std::vector<char> out(static_cast<size_t>(count) * columns * element);
  std::vector<float> row(columns);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t position = first + i;
    if (position >= static_cast<int64_t>(tokens.size())) break;
    float x[kEmbedding];
    EmbedToken(tokens[position], position, x);
    std::fill(row.begin(), row.end(), 0.0f);
    for (int e = 0; e < kEmbedding; ++e)
      for (int c = 0; c < columns; ++c)
        row[c] += x[e] * matrix[static_cast<size_t>(e) * columns + c];
    Round(row.data(), columns, dtype,
          out.data() + static_cast<size_t>(i) * columns * element);
  }
  return out;
}

std::string Tokens(const std::string& text, int64_t count) {
  std::string tokens;
  tokens.reserve(count + text.size());
  while (static_cast<int64_t>(tokens.size()) < count) tokens += text;
  tokens.resize(count);
  return tokens;
}

}  // namespace ithaca::e2e
