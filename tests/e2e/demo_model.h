// What the demo feeds to attention: a text's bytes, embedded by fixed seeded
// projections to q, k and v.
//
// Every rank embeds its own tokens, and one process embeds all of them; a
// token's vectors depend on its byte and position alone and have the same bits
// everywhere. Pure functions; thread-safe.
#ifndef ITHACA_TESTS_E2E_DEMO_MODEL_H_
#define ITHACA_TESTS_E2E_DEMO_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ithaca::e2e {

enum class Projection { kQuery = 1, kKey = 2, kValue = 3 };

// Rows [first, first + count) of one projection: [count, heads, head_size] in
// the dtype (ITHACA_ULYSSES_F32, _BF16 or _F16), as bytes. Rows at or after
// tokens.size() are padding and become zero.
std::vector<char> Embed(const std::string& tokens, int64_t first, int64_t count,
                        Projection projection, int heads, int head_size,
                        int dtype);

// The first `count` bytes of `text`, repeated when it is shorter.
// REQUIRES: text is not empty.
std::string Tokens(const std::string& text, int64_t count);

}  // namespace ithaca::e2e

#endif  // ITHACA_TESTS_E2E_DEMO_MODEL_H_
