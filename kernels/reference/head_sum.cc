#include "kernels/reference/head_sum.h"

#include <algorithm>

#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

// Elements whose fp32 sums are held at a time; small enough for the first-level
// cache.
constexpr int64_t kBlock = 256;

// Row `wire_row` of each contribution, as elements.
template <typename Storage>
class Rows {
 public:
  Rows(const Contribution* contributions,
       const ithaca_ulysses_const_span* messages, int part, uint64_t wire_row)
      : contributions_(contributions),
        messages_(messages),
        part_(part),
        wire_row_(wire_row) {}

  const Storage* operator[](int32_t i) const {
    const Contribution& c = contributions_[i];
    return reinterpret_cast<const Storage*>(
        static_cast<const char*>(messages_[c.rank].data) +
        c.part_offset[part_] + wire_row_ * c.row_bytes);
  }

 private:
  const Contribution* contributions_;
  const ithaca_ulysses_const_span* messages_;
  int part_;
  uint64_t wire_row_;
};

// Two is by far the most common number of ranks that share a KV head.
template <typename T>
void SumTwo(const typename T::Storage* a, const typename T::Storage* b,
            int64_t n, typename T::Storage* out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = T::Store(T::Load(a[i]) + T::Load(b[i]));
}

template <typename T>
void SumMany(const Rows<typename T::Storage>& rows, int32_t count, int64_t n,
             typename T::Storage* out) {
  float sum[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t m = std::min(kBlock, n - begin);
    // Starts from the first and not from zero, which would turn -0 into +0.
    for (int64_t i = 0; i < m; ++i) sum[i] = T::Load(rows[0][begin + i]);
    for (int32_t c = 1; c < count; ++c) {
      const typename T::Storage* in = rows[c] + begin;
      for (int64_t i = 0; i < m; ++i) sum[i] += T::Load(in[i]);
    }
    for (int64_t i = 0; i < m; ++i) out[begin + i] = T::Store(sum[i]);
  }
}

template <typename T>
void SumTyped(const Contribution* contributions, int32_t count,
              const ithaca_ulysses_const_span* messages, int part,
              uint64_t first_row, const RowRun& run, char* tensor) {
  using Storage = typename T::Storage;
  const int64_t n = run.row_bytes / sizeof(Storage);
  for (int64_t s = 0; s < run.rows; ++s, tensor += run.row_stride) {
    const Rows<Storage> rows(contributions, messages, part, first_row + s);
    auto* out = reinterpret_cast<Storage*>(tensor);
    if (count == 2) {
      SumTwo<T>(rows[0], rows[1], n, out);
    } else {
      SumMany<T>(rows, count, n, out);
    }
  }
}

}  // namespace

void SumRows(int32_t dtype, const Contribution* contributions, int32_t count,
             const ithaca_ulysses_const_span* messages, int part,
             uint64_t first_row, const RowRun& run, void* tensor) {
  char* out = static_cast<char*>(tensor) + run.tensor_offset;
  WithDtype(dtype, [&](auto type) {
    SumTyped<decltype(type)>(contributions, count, messages, part, first_row,
                             run, out);
  });
}

}  // namespace ithaca::ulysses
