// A checked plan in the form the copies need: who holds which rows and heads,
// and the size of every tensor and message.
//
// Used by the C API (exchange.cc). A Geometry is a value, immutable once built;
// it keeps no pointer into the plan it came from. Sizes are in bytes and,
// because BuildGeometry checks the largest of them, no sum or product of them
// overflows.
#ifndef ITHACA_KERNELS_REFERENCE_GEOMETRY_H_
#define ITHACA_KERNELS_REFERENCE_GEOMETRY_H_

#include <cstdint>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

// Heads [start, start + count).
struct HeadRange {
  int32_t start = 0;
  int32_t count = 0;
};

// Positions start, start + stride, ..., count of them.
struct TokenRange {
  int64_t start = 0;
  int64_t count = 0;
  int64_t stride = 1;
};

struct RankPart {
  int64_t rows = 0;  // tokens held
  // Where they are: Geometry::token_ranges[first_range, + num_ranges).
  int64_t first_range = 0;
  int64_t num_ranges = 0;
  HeadRange q;
  HeadRange kv;
};

// Where one tensor lies in a message, in bytes. An exact wire has no scales.
struct WirePart {
  uint64_t scales = 0;
  uint64_t elements = 0;
};

// What a step moves: the direction, and whether k and v travel with q.
struct StepShape {
  bool to_heads = false;  // token owners -> head owners, else back
  bool with_kv = false;
  bool sum_kv = false;  // the unpacker adds the KV heads of several ranks
  int num_tensors() const { return with_kv ? 3 : 1; }
};

struct Geometry {
  int32_t dtype = 0;
  int32_t layout = 0;
  int32_t my_rank = 0;
  int64_t batch = 0;
  int64_t head_size = 0;
  int32_t num_q_heads = 0;
  int32_t num_kv_heads = 0;
  int64_t total_rows = 0;
  uint64_t element_bytes = 0;
  bool quantised = false;  // FP8 on the wire
  std::vector<RankPart> ranks;
  std::vector<TokenRange> token_ranges;  // none empty
  std::vector<uint8_t> plan_hash;

  int32_t num_ranks() const { return static_cast<int32_t>(ranks.size()); }
  const RankPart& me() const { return ranks[my_rank]; }

  // Heads of tensor `index` (0 is q, 1 k, 2 v) that `rank` computes on.
  HeadRange HeadsOf(int32_t rank, int index) const {
    return index == 0 ? ranks[rank].q : ranks[rank].kv;
  }
  int32_t AllHeads(int index) const {
    return index == 0 ? num_q_heads : num_kv_heads;
  }

  // Whether this rank's tensor at `side` of a step is the one split by tokens
  // ([b, rows, all heads, d]) and not the one split by heads ([b, S, own heads,
  // d]).
  static bool SplitByTokens(const StepShape& step, int32_t side) {
    return step.to_heads == (side == ITHACA_ULYSSES_PACK);
  }
  // Rows and heads of tensor `index` at `side`.
  int64_t TensorRows(const StepShape& step, int32_t side) const {
    return SplitByTokens(step, side) ? me().rows : total_rows;
  }
  int32_t TensorHeads(const StepShape& step, int32_t side, int index) const {
    return SplitByTokens(step, side) ? AllHeads(index)
                                     : HeadsOf(my_rank, index).count;
  }
  uint64_t TensorBytes(const StepShape& step, int32_t side, int index) const;

  // What pointers of messages are aligned to at least.
  uint64_t MessageAlignment() const { return quantised ? 4 : element_bytes; }
  // Where tensor `index` lies in the message from `sender` to `receiver`.
  WirePart PartAt(const StepShape& step, int32_t sender, int32_t receiver,
                  int index) const;
  // Bytes of tensor `index` in that message.
  uint64_t PartBytes(const StepShape& step, int32_t sender, int32_t receiver,
                     int index) const;
  // Bytes of that whole message.
  uint64_t MessageBytes(const StepShape& step, int32_t sender,
                        int32_t receiver) const;
};

// Part `chunk` of `num_chunks` of each rank's heads, cut at KV heads; a rank
// with fewer KV heads than chunks has none in some. Tensors split by tokens
// still have all heads. UNSUPPORTED, with the head in *error, when ranks that
// share a KV head would have it in different chunks. REQUIRES: 0 <= chunk <
// num_chunks.
int32_t ChunkOf(const Geometry& whole, int32_t chunk, int32_t num_chunks,
                Geometry* part, ithaca_ulysses_error* error);

// False when `step` is no ithaca_ulysses_step.
bool LookUpStep(int32_t step, StepShape* shape);

// Reads the tokens of each rank: rank_rows, and rank_row_offset or the ranges.
// Used by BuildGeometry, which has checked the pointers and set
// geometry->ranks' size.
int32_t ReadTokens(const ithaca_ulysses_plan& plan, Geometry* geometry,
                   ithaca_ulysses_error* error);

// Checks every field of *plan and fills *geometry. On failure returns the
// status with the offending field in *error, and *geometry is unspecified.
// Throws std::bad_alloc. REQUIRES: plan is readable for plan->struct_size bytes
// and its arrays for the lengths that its fields give; nothing else is assumed
// of it.
int32_t BuildGeometry(const ithaca_ulysses_plan* plan, Geometry* geometry,
                      ithaca_ulysses_error* error);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_GEOMETRY_H_
