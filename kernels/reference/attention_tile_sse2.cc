#include "kernels/reference/attention_tile.h"

namespace ithaca::ulysses {
namespace {

constexpr int kLanes = 4;
constexpr int kRowsPerStep = 4;
constexpr int kPanelSplit =
    4;  // so that the accumulators fit into the registers

#include "kernels/reference/attention_tile.inc"

}  // namespace

void TileSse2(const TileArgs& args) { Tile(args); }

}  // namespace ithaca::ulysses
