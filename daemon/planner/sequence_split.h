// Which tokens each rank that shares a sequence holds outside attention.
//
// Used by the plan builder and by the check of plans. Pure; safe from any
// thread.
//
// A ring splits the sequence into R ring parts, one for each ring index; the U
// Ulysses members of a ring part split its tokens, in order, into equal shares.
#ifndef ITHACA_DAEMON_PLANNER_SEQUENCE_SPLIT_H_
#define ITHACA_DAEMON_PLANNER_SEQUENCE_SPLIT_H_

#include <cstdint>
#include <vector>

namespace ithaca::planner {

// Tokens start, start + stride, ... of the padded sequence.
struct TokenRun {
  uint64_t start = 0;
  uint64_t count = 0;
  uint64_t stride = 1;
};

// How a ring part is cut out of the sequence.
enum class RingLayout {
  kContiguous,  // one run
  kZigzag,      // pieces r and 2R-1-r of 2R
  kStriped,     // every R-th token
  kPacked,      // zigzag within each document
};

// What is split.
struct SplitSpec {
  uint64_t length = 0;   // S; >= 1
  uint32_t ring = 1;     // R; >= 1
  uint32_t ulysses = 1;  // U; >= 1
  RingLayout layout = RingLayout::kContiguous;
  bool pad = false;  // equal shares with padding, or uneven ones without
  // Borders of the packed documents, 0 ... S. Empty: one document.
  std::vector<uint64_t> borders;
};

// One document in the padded sequence: `valid` tokens from `start`, then
// padding up to the next.
struct Document {
  uint64_t start = 0;
  uint64_t valid = 0;
};

// The share of one rank.
struct TokenShare {
  std::vector<TokenRun> runs;  // at least one, which may be empty
  uint64_t count = 0;          // tokens, padding included
  uint64_t valid = 0;          // of them, real
};

struct SequenceSplit {
  uint64_t padded_length = 0;
  // Documents, with the padding that stands behind each. In any layout but
  // packed all padding stands behind the last.
  std::vector<Document> documents;
  std::vector<uint64_t> ring_tokens;             // of each ring part
  std::vector<std::vector<TokenRun>> ring_runs;  // of each ring part
  std::vector<TokenShare> shares;  // of ring index r and Ulysses index u, at
                                   // r * U + u
};

// Padding: to a multiple of R * U, in zigzag of 2 * R * U, at the very end; in
// packed each document to a multiple of 2 * R * U. Without padding pieces and
// shares differ by at most one token, the larger ones first (in packed in turn,
// so that ring parts differ by at most two). REQUIRES: length plus padding
// fits 63 bits, borders ascend from 0 to length.
SequenceSplit SplitSequence(const SplitSpec& spec);

// Tokens of `run` that are not padding. O(log documents + documents touched).
uint64_t CountValid(const TokenRun& run,
                    const std::vector<Document>& documents);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEQUENCE_SPLIT_H_
