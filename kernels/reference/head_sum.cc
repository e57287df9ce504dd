#include "kernels/reference/head_sum.h"

#include <algorithm>
#include <cstring>

#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

// Elements whose fp32 sums are held at a time; small enough for the first-level
// cache.
constexpr int64_t kBlock = 512;

const char* RowOf(const Contribution& c,
                  const ithaca_ulysses_const_span* messages, int part,
                  uint64_t wire_row) {
  return static_cast<const char*>(messages[c.rank].data) + c.part_offset[part] +
         wire_row * c.row_bytes;
}

template <typename T>
void SumTyped(const Contribution* contributions, int32_t count,
              const ithaca_ulysses_const_span* messages, int part,
              uint64_t wire_row, int64_t elements, typename T::Storage* out) {
  using Storage = typename T::Storage;
  float sum[kBlock];
  for (int64_t begin = 0; begin < elements; begin += kBlock) {
    const int64_t n = std::min(kBlock, elements - begin);
    for (int32_t i = 0; i < count; ++i) {
      const char* row = RowOf(contributions[i], messages, part, wire_row);
      const Storage* in = reinterpret_cast<const Storage*>(row) + begin;
      // The first is copied, not added to zero, which would turn -0 into +0.
      if (i == 0) {
        for (int64_t j = 0; j < n; ++j) sum[j] = T::Load(in[j]);
      } else {
        for (int64_t j = 0; j < n; ++j) sum[j] += T::Load(in[j]);
      }
    }
    for (int64_t j = 0; j < n; ++j) out[begin + j] = T::Store(sum[j]);
  }
}

}  // namespace

void SumRow(int32_t dtype, const Contribution* contributions, int32_t count,
            const ithaca_ulysses_const_span* messages, int part,
            uint64_t wire_row, int64_t elements, void* out) {
  if (count == 1) {  // nothing to add: every bit stays, signalling NaNs too
    memcpy(out, RowOf(contributions[0], messages, part, wire_row),
           elements * ElementBytes(dtype));
    return;
  }
  WithDtype(dtype, [&](auto type) {
    using T = decltype(type);
    SumTyped<T>(contributions, count, messages, part, wire_row, elements,
                static_cast<typename T::Storage*>(out));
  });
}

}  // namespace ithaca::ulysses
