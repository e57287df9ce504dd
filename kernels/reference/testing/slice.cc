#include "kernels/reference/testing/slice.h"

#include <cstring>
#include <numeric>

#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

// Calls f(byte offset in part, byte offset in whole) for every element of the
// part.
template <typename F>
void ForEachElement(const WholeTensor& part, const WholeTensor& whole,
                    const std::vector<int64_t>& rows, int64_t head,
                    const F& f) {
  for (int64_t bi = 0; bi < part.batch; ++bi) {
    for (int64_t s = 0; s < part.tokens; ++s) {
      for (int64_t h = 0; h < part.heads; ++h) {
        for (int64_t c = 0; c < part.head_size; ++c) {
          const int64_t byte = c * part.element_bytes;
          f(part.Offset(bi, s, h) + byte,
            whole.Offset(bi, rows[s], head + h) + byte);
        }
      }
    }
  }
}

template <typename Draw>
void Fill(int32_t dtype, WholeTensor* tensor, const Draw& draw) {
  WithDtype(dtype, [&](auto type) {
    using T = decltype(type);
    auto* out = reinterpret_cast<typename T::Storage*>(tensor->data.data());
    const size_t n = tensor->data.size() / sizeof(typename T::Storage);
    for (size_t i = 0; i < n; ++i) out[i] = T::Store(draw());
  });
}

}  // namespace

int64_t WholeTensor::Offset(int64_t bi, int64_t s, int64_t h) const {
  const int64_t token = layout == ITHACA_ULYSSES_SEQUENCE_FIRST
                            ? s * batch + bi
                            : bi * tokens + s;
  return (token * heads + h) * head_size * element_bytes;
}

WholeTensor MakeWhole(const FlatPlan& plan, int64_t tokens, int64_t heads) {
  WholeTensor t;
  t.layout = plan.layout;
  t.batch = plan.batch;
  t.tokens = tokens;
  t.heads = heads;
  t.head_size = plan.head_size;
  t.element_bytes = static_cast<int64_t>(ElementBytes(plan.dtype));
  t.data.assign(t.batch * tokens * heads * t.head_size * t.element_bytes, 0);
  return t;
}

void FillWithBytes(std::mt19937* rng, WholeTensor* tensor) {
  for (char& c : tensor->data) c = static_cast<char>((*rng)());
}

void FillWithNormals(std::mt19937* rng, int32_t dtype, WholeTensor* tensor) {
  std::normal_distribution<float> normal;
  Fill(dtype, tensor, [&] { return normal(*rng); });
}

void FillWithIntegers(std::mt19937* rng, int32_t dtype, int bound,
                      WholeTensor* tensor) {
  std::uniform_int_distribution<int> draw(-bound, bound);
  Fill(dtype, tensor, [&] { return static_cast<float>(draw(*rng)); });
}

std::vector<int64_t> PositionsOf(const FlatPlan& plan, int32_t r) {
  std::vector<int64_t> positions;
  if (plan.token_order == ITHACA_ULYSSES_TOKENS_CONTIGUOUS) {
    positions.resize(plan.rank_rows[r]);
    std::iota(positions.begin(), positions.end(), plan.rank_row_offset[r]);
    return positions;
  }
  for (int64_t i = plan.range_offsets[r]; i < plan.range_offsets[r + 1]; ++i) {
    for (int64_t k = 0; k < plan.range_count[i]; ++k)
      positions.push_back(plan.range_start[i] + k * plan.range_stride[i]);
  }
  return positions;
}

WholeTensor Slice(const WholeTensor& whole, int64_t row, int64_t rows,
                  int64_t head, int64_t heads, int32_t layout) {
  std::vector<int64_t> positions(rows);
  std::iota(positions.begin(), positions.end(), row);
  return Slice(whole, positions, head, heads, layout);
}

WholeTensor Slice(const WholeTensor& whole, const std::vector<int64_t>& rows,
                  int64_t head, int64_t heads, int32_t layout) {
  WholeTensor part = whole;
  part.layout = layout;
  part.tokens = static_cast<int64_t>(rows.size());
  part.heads = heads;
  part.data.assign(
      part.batch * part.tokens * heads * part.head_size * part.element_bytes,
      0);
  ForEachElement(part, whole, rows, head, [&](int64_t to, int64_t from) {
    memcpy(&part.data[to], &whole.data[from], part.element_bytes);
  });
  return part;
}

void Put(const WholeTensor& part, const std::vector<int64_t>& rows,
         int64_t head, WholeTensor* whole) {
  ForEachElement(part, *whole, rows, head, [&](int64_t from, int64_t to) {
    memcpy(&whole->data[to], &part.data[from], part.element_bytes);
  });
}

}  // namespace ithaca::ulysses
