#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {
namespace {

// What scales and elements of a quantised wire are padded to.
uint64_t Padded(uint64_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace

bool LookUpStep(int32_t step, StepShape* shape) {
  switch (step) {
    case ITHACA_ULYSSES_SEQ_TO_HEADS:
      *shape = {/*to_heads=*/true, /*with_kv=*/true, /*sum_kv=*/false};
      return true;
    case ITHACA_ULYSSES_HEADS_TO_SEQ:
      *shape = {/*to_heads=*/false, /*with_kv=*/false, /*sum_kv=*/false};
      return true;
    case ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD:
      *shape = {/*to_heads=*/false, /*with_kv=*/true, /*sum_kv=*/true};
      return true;
    case ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD:
      *shape = {/*to_heads=*/true, /*with_kv=*/false, /*sum_kv=*/false};
      return true;
    default:
      return false;
  }
}

uint64_t Geometry::TensorBytes(const StepShape& step, int32_t side,
                               int index) const {
  return static_cast<uint64_t>(batch) * TensorRows(step, side) *
         TensorHeads(step, side, index) * head_size * element_bytes;
}

uint64_t Geometry::PartBytes(const StepShape& step, int32_t sender,
                             int32_t receiver, int index) const {
  const int32_t tokens = step.to_heads ? sender : receiver;
  const int32_t heads = step.to_heads ? receiver : sender;
  const uint64_t head_rows = static_cast<uint64_t>(batch) * ranks[tokens].rows *
                             HeadsOf(heads, index).count;
  if (!quantised) return head_rows * head_size * element_bytes;
  return Padded(head_rows * sizeof(float)) + Padded(head_rows * head_size);
}

WirePart Geometry::PartAt(const StepShape& step, int32_t sender,
                          int32_t receiver, int index) const {
  WirePart part;
  for (int t = 0; t < index; ++t)
    part.scales += PartBytes(step, sender, receiver, t);
  part.elements = part.scales;
  if (!quantised) return part;
  const int32_t tokens = step.to_heads ? sender : receiver;
  const int32_t heads = step.to_heads ? receiver : sender;
  part.elements += Padded(static_cast<uint64_t>(batch) * ranks[tokens].rows *
                          HeadsOf(heads, index).count * sizeof(float));
  return part;
}

uint64_t Geometry::MessageBytes(const StepShape& step, int32_t sender,
                                int32_t receiver) const {
  uint64_t bytes = 0;
  for (int t = 0; t < step.num_tensors(); ++t)
    bytes += PartBytes(step, sender, receiver, t);
  return bytes;
}

}  // namespace ithaca::ulysses
