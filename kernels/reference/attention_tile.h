// The inner loops of the CPU attention, compiled once per instruction set.
//
// Used by attention.cc alone. Pure functions; thread-safe, no allocation.
//
// Every instruction set gives the same bits: all sums are written in a fixed
// order (dot products over the contracted index one by one, row sums in 16
// lanes and then a fixed tree), nothing is contracted to fused multiply-adds,
// and 2^x is a polynomial of its own.
#ifndef ITHACA_KERNELS_REFERENCE_ATTENTION_TILE_H_
#define ITHACA_KERNELS_REFERENCE_ATTENTION_TILE_H_

#include <cstdint>

namespace ithaca::ulysses {

// Queries per tile, keys per tile, and columns per panel of the packed
// operands.
constexpr int kTileQueries = 64;
constexpr int kTileKeys = 64;
constexpr int kPanel = 32;

// One tile of queries against one tile of keys. Pointers are aligned to 64
// bytes.
struct TileArgs {
  int64_t head_size = 0;    // d
  int64_t value_width = 0;  // d rounded up to a multiple of kPanel
  // [kTileQueries][d], times softmax scale and log2(e).
  const float* queries = nullptr;
  // [kTileKeys / kPanel][d][kPanel]
  const float* keys = nullptr;
  // [value_width / kPanel][kTileKeys][kPanel]
  const float* values = nullptr;
  // A query at row i sees the columns below visible[i], 0 .. kTileKeys.
  // NULL: all see all.
  const int32_t* visible = nullptr;
  // State of the online softmax (Milakov and Gimelshein, arXiv 1805.02867), per
  // query: running maximum, running sum, running output
  // [kTileQueries][value_width].
  float* max = nullptr;
  float* sum = nullptr;
  float* output = nullptr;
  // Scratch [kTileQueries][kTileKeys].
  float* scores = nullptr;
};

using TileFunction = void (*)(const TileArgs&);

void TileSse2(const TileArgs& args);
void TileAvx2(const TileArgs& args);
void TileAvx512(const TileArgs& args);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_ATTENTION_TILE_H_
