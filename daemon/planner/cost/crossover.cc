#include "daemon/planner/cost/crossover.h"

#include <algorithm>

#include "daemon/planner/cost/heads.h"

namespace ithaca::planner {
namespace {

// Elements times bytes, over b * S * d / P: integers, so that "fewer" is exact.
uint64_t UlyssesBytes(const HeadFigures& heads, const Work& work) {
  const uint64_t columns = 2 * (uint64_t{heads.query_heads} + heads.kv_copies);
  const uint64_t forward = columns * work.element_bytes * (heads.ranks - 1);
  return forward * (work.training ? 2 : 1);
}

// The same, times P.
uint64_t RingBytesTimesRanks(const ModelDims& model, const Work& work,
                             RingGradients gradients, uint64_t ranks) {
  const uint64_t kv = 2 * uint64_t{model.kv_heads} * ranks;
  const uint64_t forward = kv * work.element_bytes * (ranks - 1);
  if (!work.training) return forward;
  const uint64_t wire =
      gradients == RingGradients::kFp32 ? 4 : work.element_bytes;
  return 2 * forward + kv * wire * ranks;
}

}  // namespace

Crossover RingAgainstUlysses(const ModelDims& model, const Work& work,
                             RingGradients gradients, uint32_t most) {
  Crossover crossover;
  for (uint32_t p = 2; p <= std::min(most, model.query_heads); ++p) {
    const uint64_t ulysses = UlyssesBytes(FiguresOfHeads(model, 1, p), work);
    const uint64_t ring = RingBytesTimesRanks(model, work, gradients, p);
    crossover.equal_next = ring == ulysses;
    if (ring >= ulysses) break;
    crossover.ring_up_to = p;
  }
  return crossover;
}

}  // namespace ithaca::planner
