#include "daemon/planner/ring_balance.h"

#include <algorithm>

namespace ithaca::planner {
namespace {

// Sum of min(first + i * stride, cap) for i = 0 .. count - 1.
PairCount CappedSum(uint64_t first, uint64_t stride, uint64_t count,
                    uint64_t cap) {
  const uint64_t below =
      first >= cap ? 0 : std::min(count, (cap - first + stride - 1) / stride);
  PairCount sum = PairCount{below} * first;
  if (below > 1) sum += PairCount{below} * (below - 1) / 2 * stride;
  return sum + PairCount{count - below} * cap;
}

// Pairs of the queries of `run` that are valid tokens of `document`.
PairCount PairsIn(const TokenRun& run, const Document& document,
                  AttentionMask mask, uint64_t window) {
  const uint64_t end = document.start + document.valid;
  const uint64_t skipped =
      document.start <= run.start
          ? 0
          : (document.start - run.start + run.stride - 1) / run.stride;
  if (skipped >= run.count) return 0;
  const uint64_t first = run.start + skipped * run.stride;
  if (first >= end) return 0;
  const uint64_t count = std::min(run.count - skipped,
                                  (end - first + run.stride - 1) / run.stride);
  const uint64_t keys = first - document.start + 1;  // that the first one sees
  switch (mask) {
    case AttentionMask::kCausal:
      return CappedSum(keys, run.stride, count, document.valid);
    case AttentionMask::kSlidingWindow:
      return CappedSum(keys, run.stride, count,
                       std::min(window, document.valid));
    case AttentionMask::kFull:
    case AttentionMask::kBlockSparse:
      break;
  }
  return PairCount{count} * document.valid;
}

}  // namespace

PairCount CountPairs(const std::vector<TokenRun>& runs,
                     const std::vector<Document>& documents, AttentionMask mask,
                     uint64_t window) {
  PairCount pairs = 0;
  for (const TokenRun& run : runs) {
    if (run.count == 0) continue;
    const uint64_t last = run.start + (run.count - 1) * run.stride;
    auto document = std::upper_bound(
        documents.begin(), documents.end(), run.start,
        [](uint64_t start, const Document& d) { return start < d.start; });
    if (document != documents.begin()) --document;
    for (; document != documents.end() && document->start <= last; ++document) {
      pairs += PairsIn(run, *document, mask, window);
    }
  }
  return pairs;
}

double ImbalanceOf(const SequenceSplit& split, AttentionMask mask,
                   uint64_t window) {
  if (split.ring_runs.size() == 1) return 1.0;
  PairCount total = 0;
  PairCount busiest = 0;
  for (const std::vector<TokenRun>& runs : split.ring_runs) {
    const PairCount pairs = CountPairs(runs, split.documents, mask, window);
    total += pairs;
    busiest = std::max(busiest, pairs);
  }
  return static_cast<double>(busiest) *
         static_cast<double>(split.ring_runs.size()) /
         static_cast<double>(total);
}

}  // namespace ithaca::planner
