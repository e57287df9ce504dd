// The CPU implementation of pack and unpack: oracle of the CUDA kernels and
// fallback.
//
// Used by the C API alone. Immutable after construction and thread-safe; no
// call allocates. The callers check every pointer and size first; nothing here
// does.
#ifndef ITHACA_KERNELS_REFERENCE_EXCHANGE_H_
#define ITHACA_KERNELS_REFERENCE_EXCHANGE_H_

#include <cstdint>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/fp8_wire.h"
#include "kernels/reference/geometry.h"
#include "kernels/reference/head_sum.h"
#include "kernels/reference/strided_copy.h"

namespace ithaca::ulysses {

class Exchange {
 public:
  explicit Exchange(Geometry geometry);

  const Geometry& geometry() const { return geometry_; }

  // See ithaca_ulysses_pack and ithaca_ulysses_unpack.
  // REQUIRES: all spans are readable or writable for exactly the sizes of
  // geometry().
  void Pack(const StepShape& step, const ithaca_ulysses_const_span* tensors,
            const ithaca_ulysses_span* messages) const;
  void Unpack(const StepShape& step, const ithaca_ulysses_const_span* messages,
              const ithaca_ulysses_span* tensors) const;

 private:
  // One part of a message: where it lies in this rank's tensor and on the wire.
  struct Part {
    int64_t rows = 0;  // of one sequence
    HeadRange heads;   // of the tensor
    uint64_t row_bytes = 0;
    uint64_t row_stride = 0;
    uint64_t batch_stride = 0;
    uint64_t tensor_offset = 0;
    WirePart wire;
  };
  // Some rows of a part that lie at one stride in the tensor.
  struct Run {
    RowRun rows;
    int64_t wire_row = 0;  // of the part, the first
  };

  // The rows `range` of sequence `bi`, which are rows `first` on of the
  // sequence on the wire.
  static Run RunOf(const Part& part, int64_t bi, const TokenRange& range,
                   int64_t first);
  // KV heads whose gradients all come from the same ranks, which are
  // contributions_[first .. first + num) in ascending order.
  struct SumSegment {
    HeadRange heads;
    int32_t first = 0;
    int32_t num = 0;
  };

  // The part of tensor `index` exchanged with `peer`.
  Part PartOf(const StepShape& step, int32_t side, int32_t peer,
              int index) const;
  // Those heads of a tensor of these dimensions.
  Part MakePart(int64_t tensor_rows, int32_t tensor_heads, int64_t rows,
                HeadRange heads) const;
  // Calls move(peer, part, run) until all of tensor `index` has been moved.
  template <typename Move>
  void ForEachRun(const StepShape& step, int32_t side, int index,
                  const Move& move) const;
  Fp8Rows Fp8RowsOf(const Part& part, const Run& run) const;

  void BuildSumSegments();
  Contribution ContributionOf(int32_t rank, int32_t head) const;
  Fp8Part Fp8PartOf(int32_t rank, int32_t head, int index) const;
  void ZeroPadding(const StepShape& step,
                   const ithaca_ulysses_span* messages) const;
  void UnpackQuantised(const StepShape& step, int index,
                       const ithaca_ulysses_const_span* messages,
                       const ithaca_ulysses_span& tensor) const;
  void UnpackQuantisedSums(int index, const ithaca_ulysses_const_span* messages,
                           const ithaca_ulysses_span& tensor) const;
  void UnpackSums(int index, const ithaca_ulysses_const_span* messages,
                  const ithaca_ulysses_span& tensor) const;

  Geometry geometry_;
  std::vector<SumSegment> segments_;
  std::vector<Contribution> contributions_;
  // The same for a quantised wire; of k and of v.
  std::vector<Fp8Part> fp8_parts_[2];
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_EXCHANGE_H_
