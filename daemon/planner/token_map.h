// Which tokens each member of a Ulysses group holds outside attention.
//
// Used by the plan builder. Pure function; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_TOKEN_MAP_H_
#define ITHACA_DAEMON_PLANNER_TOKEN_MAP_H_

#include <cstdint>
#include <vector>

namespace ithaca::planner {

// Tokens start .. start + count - 1 of the padded sequence.
struct TokenShare {
  uint64_t start = 0;
  uint64_t count = 0;
  uint64_t valid = 0;  // the first of them; the rest is padding
};

// Contiguous shares in rank order. With `pad` every rank holds ceil(S / P) and
// the padding is at the very end; without, the first S mod P ranks hold one
// token more than the rest and nothing is padded. REQUIRES: ranks >= 1,
// sequence_length + ranks does not overflow.
std::vector<TokenShare> MapTokens(uint64_t sequence_length, uint32_t ranks,
                                  bool pad);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_TOKEN_MAP_H_
