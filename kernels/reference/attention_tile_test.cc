// Every instruction set of this machine against the baseline, bit for bit, and
// 2^x through the softmax of a tile.
#include "kernels/reference/attention_tile.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/reference/aligned_floats.h"

namespace ithaca::ulysses {
namespace {

struct Tile {
  explicit Tile(int64_t d)
      : head_size(d),
        width((d + kPanel - 1) / kPanel * kPanel),
        queries(kTileQueries * d),
        keys(kTileKeys * d),
        values(kTileKeys * width),
        output(kTileQueries * width),
        scores(kTileQueries * kTileKeys),
        max(kTileQueries, -std::numeric_limits<float>::infinity()),
        sum(kTileQueries, 0.0f),
        visible(kTileQueries, kTileKeys) {}

  void Run(TileFunction function, bool masked) {
    TileArgs args;
    args.head_size = head_size;
    args.value_width = width;
    args.queries = queries.data();
    args.keys = keys.data();
    args.values = values.data();
    args.visible = masked ? visible.data() : nullptr;
    args.max = max.data();
    args.sum = sum.data();
    args.output = output.data();
    args.scores = scores.data();
    function(args);
  }

  // Output, sums and maxima as bytes.
  std::vector<char> State() {
    std::vector<char> bytes;
    auto add = [&](const float* data, size_t n) {
      bytes.insert(bytes.end(), reinterpret_cast<const char*>(data),
                   reinterpret_cast<const char*>(data + n));
    };
    add(output.data(), kTileQueries * width);
    add(sum.data(), sum.size());
    add(max.data(), max.size());
    return bytes;
  }

  int64_t head_size, width;
  AlignedFloats queries, keys, values, output, scores;
  std::vector<float> max, sum;
  std::vector<int32_t> visible;
};

std::vector<char> RunTwoTiles(TileFunction function, int64_t d, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0.0f, 2.0f);
  Tile tile(d);
  for (bool masked : {false, true}) {
    for (int64_t i = 0; i < kTileQueries * d; ++i)
      tile.queries[i] = normal(rng);
    for (int64_t i = 0; i < kTileKeys * d; ++i) tile.keys[i] = normal(rng);
    for (int64_t i = 0; i < kTileKeys * tile.width; ++i)
      tile.values[i] = normal(rng);
    for (int32_t& v : tile.visible)
      v = static_cast<int32_t>(rng() % (kTileKeys + 1));
    tile.Run(function, masked);
  }
  return tile.State();
}

TEST(AttentionTileTest, EveryInstructionSetGivesTheSameBits) {
  for (int64_t d : {1, 7, 64, 96, 128}) {
    SCOPED_TRACE(d);
    const std::vector<char> expected = RunTwoTiles(TileSse2, d, 11);
    if (__builtin_cpu_supports("avx2")) {
      EXPECT_EQ(RunTwoTiles(TileAvx2, d, 11), expected);
    }
    if (__builtin_cpu_supports("avx512dq")) {
      EXPECT_EQ(RunTwoTiles(TileAvx512, d, 11), expected);
    }
  }
}

// With q = x and keys 0, -1, -2, .. the weights are 2^0, 2^-x, 2^-2x, ..
TEST(AttentionTileTest, PowersOfTwoWithinOneUnitInTheLastPlace) {
  double worst = 0.0;
  for (float x = 0.001f; x < 4.0f; x += 0.0137f) {
    Tile tile(1);
    for (int r = 0; r < kTileQueries; ++r) tile.queries[r] = x;
    for (int c = 0; c < kTileKeys; ++c) tile.keys[c] = static_cast<float>(-c);
    tile.Run(TileSse2, false);
    for (int c = 0; c < kTileKeys; ++c) {
      const float exponent = x * static_cast<float>(-c);
      const double expected = std::exp2(static_cast<double>(exponent));
      if (exponent < -126.0f) {
        ASSERT_EQ(tile.scores[c], 0.0f);
      } else {
        worst = std::max(worst, std::fabs(tile.scores[c] / expected - 1.0));
      }
    }
  }
  EXPECT_LT(worst, std::ldexp(1.0, -23));
}

TEST(AttentionTileTest, ARowThatSeesNothingStaysEmpty) {
  Tile tile(4);
  tile.visible.assign(kTileQueries, 0);
  tile.Run(TileSse2, true);
  for (int r = 0; r < kTileQueries; ++r) {
    EXPECT_EQ(tile.sum[r], 0.0f);
    EXPECT_EQ(tile.max[r], -std::numeric_limits<float>::infinity());
  }
}

}  // namespace
}  // namespace ithaca::ulysses
