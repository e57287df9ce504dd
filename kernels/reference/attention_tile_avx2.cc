#include "kernels/reference/attention_tile.h"

#pragma GCC target("avx2")

namespace ithaca::ulysses {
namespace {

constexpr int kLanes = 8;
constexpr int kRowsPerStep = 4;
constexpr int kPanelSplit =
    2;  // so that the accumulators fit into the registers

#include "kernels/reference/attention_tile.inc"

}  // namespace

void TileAvx2(const TileArgs& args) { Tile(args); }

}  // namespace ithaca::ulysses
