#include "kernels/reference/attention_tile.h"

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")

namespace ithaca::ulysses {
namespace {

constexpr int kLanes = 16;
constexpr int kRowsPerStep = 8;
constexpr int kPanelSplit =
    1;  // so that the accumulators fit into the registers

#include "kernels/reference/attention_tile.inc"

}  // namespace

void TileAvx512(const TileArgs& args) { Tile(args); }

}  // namespace ithaca::ulysses
