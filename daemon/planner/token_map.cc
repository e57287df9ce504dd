#include "daemon/planner/token_map.h"

#include <algorithm>

namespace ithaca::planner {

std::vector<TokenShare> MapTokens(uint64_t sequence_length, uint32_t ranks,
                                  bool pad) {
  const uint64_t floor = sequence_length / ranks;
  const uint64_t remainder = sequence_length % ranks;
  std::vector<TokenShare> shares;
  uint64_t start = 0;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const bool larger = pad ? remainder != 0 : rank < remainder;
    TokenShare share;
    share.start = start;
    share.count = floor + (larger ? 1 : 0);
    share.valid = std::min(share.count,
                           sequence_length - std::min(sequence_length, start));
    start += share.count;
    shares.push_back(share);
  }
  return shares;
}

}  // namespace ithaca::planner
