#include "plugin/driver/p2p_plan.h"

#include <algorithm>

namespace ithaca::driver {
namespace {

constexpr size_t kPartAlign = 4 << 10;

size_t DivUp(size_t a, size_t b) { return (a + b - 1) / b; }

int ChannelsFor(size_t bytes, const P2pTuning& tuning) {
  if (bytes == 0) return 1;
  const size_t least = std::max<size_t>(tuning.chunk_bytes / 2, 1);
  return static_cast<int>(
      std::min<size_t>(tuning.channels, DivUp(bytes, least)));
}

}  // namespace

std::vector<P2pRound> P2pSchedule(int rank, int ranks) {
  uint32_t pow2 = 1;
  while (pow2 < static_cast<uint32_t>(ranks)) pow2 *= 2;
  std::vector<P2pRound> rounds;
  uint32_t delta = 0;
  for (uint32_t i = 1; i <= pow2; ++i) {
    const int d = static_cast<int>(delta);
    if (d < ranks) {
      rounds.push_back({(rank + d) % ranks, (rank - d + ranks) % ranks});
    }
    delta = (delta + i) & (pow2 - 1);
  }
  return rounds;
}

TransferShape ShapeTransfer(size_t bytes, const P2pTuning& tuning) {
  TransferShape shape;
  shape.channels = ChannelsFor(bytes, tuning);
  const bool ll = tuning.ll_threshold_bytes > 0 &&
                  bytes <= shape.channels * tuning.ll_threshold_bytes;
  shape.protocol = ll ? Protocol::kLl : Protocol::kSimple;
  if (ll) {
    shape.chunk_bytes = kLlStepDataBytes;
    return shape;
  }
  shape.chunk_bytes = tuning.chunk_bytes;
  if (bytes < tuning.chunk_bytes) {
    shape.chunk_bytes /= 4;
  } else if (bytes < 8 * tuning.chunk_bytes) {
    shape.chunk_bytes /= 2;
  }
  shape.chunk_bytes = std::max<size_t>(shape.chunk_bytes, 1);
  return shape;
}

PartBounds P2pPart(size_t bytes, int part, int parts) {
  const size_t size = DivUp(DivUp(bytes, parts), kPartAlign) * kPartAlign;
  return {std::min(part * size, bytes), std::min((part + 1) * size, bytes)};
}

uint64_t StepsFor(size_t bytes, size_t chunk_bytes) {
  return bytes == 0 ? 1 : DivUp(bytes, chunk_bytes);
}

int PipelineDepth(int wanted, int subs) {
  if (wanted > 0) return std::min(wanted, kSteps);
  return std::min(kSteps, std::max(1, kSharedSteps / std::max(1, subs)));
}

}  // namespace ithaca::driver
