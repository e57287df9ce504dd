#include "kernels/reference/fp8_wire.h"

#include <algorithm>
#include <cstring>

#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

constexpr float kLargest = 448;
// No scale is below, so that no quotient overflows.
constexpr float kLeastScale = 0x1p-126f;
// Elements whose fp32 sums are held at a time.
constexpr int64_t kBlock = 256;

template <typename T>
float ScaleOf(const typename T::Storage* from, int64_t n) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    // Among floats without sign the order is that of their bits.
    const uint32_t magnitude = BitsOf(T::Load(from[i])) & 0x7FFFFFFF;
    largest = std::max(largest, Select(magnitude < 0x7F800000, magnitude, 0));
  }
  return std::max(FloatOf(largest) / kLargest, kLeastScale);
}

template <typename T>
void QuantiseHead(const typename T::Storage* from, int64_t n, char* scale_out,
                  uint8_t* out) {
  const float scale = ScaleOf<T>(from, n);
  memcpy(scale_out, &scale, sizeof(scale));
  const float inverse = 1.0f / scale;
  for (int64_t i = 0; i < n; ++i)
    out[i] = FloatToE4m3(T::Load(from[i]) * inverse);
}

template <typename T>
void Quantise(const Fp8Rows& rows, const Fp8Part& part, const char* tensor,
              char* message) {
  using Storage = typename T::Storage;
  int64_t head = rows.wire_row * part.heads;
  for (int64_t s = 0; s < rows.rows; ++s) {
    const auto* from = reinterpret_cast<const Storage*>(
        tensor + rows.tensor_offset + s * rows.row_stride);
    for (int64_t h = 0; h < rows.heads; ++h, ++head, from += rows.head_size) {
      QuantiseHead<T>(from, rows.head_size,
                      message + part.scales + head * sizeof(float),
                      reinterpret_cast<uint8_t*>(message) + part.elements +
                          head * rows.head_size);
    }
  }
}

// One head of one token in a part.
struct Head {
  float scale;
  const uint8_t* elements;
};

Head HeadAt(const Fp8Part& part, int64_t wire_row, int64_t head, int64_t d,
            const ithaca_ulysses_const_span* messages) {
  const auto* message =
      static_cast<const uint8_t*>(messages[part.message].data);
  const int64_t index = wire_row * part.heads + part.first_head + head;
  Head result;
  memcpy(&result.scale, message + part.scales + index * sizeof(float),
         sizeof(float));
  result.elements = message + part.elements + index * d;
  return result;
}

template <typename T>
void Dequantise(const Fp8Rows& rows, const Fp8Part* parts, int32_t count,
                const ithaca_ulysses_const_span* messages, char* tensor) {
  using Storage = typename T::Storage;
  const int64_t d = rows.head_size;
  float sum[kBlock];
  for (int64_t i = 0; i < rows.rows * rows.heads; ++i) {
    const int64_t s = i / rows.heads, h = i % rows.heads;
    auto* out = reinterpret_cast<Storage*>(tensor + rows.tensor_offset +
                                           s * rows.row_stride) +
                h * d;
    for (int64_t begin = 0; begin < d; begin += kBlock) {
      const int64_t m = std::min(d - begin, kBlock);
      for (int32_t c = 0; c < count; ++c) {
        const Head x = HeadAt(parts[c], rows.wire_row + s, h, d, messages);
        const uint8_t* in = x.elements + begin;
        if (c == 0) {
          for (int64_t k = 0; k < m; ++k) sum[k] = E4m3ToFloat(in[k]) * x.scale;
        } else {
          for (int64_t k = 0; k < m; ++k)
            sum[k] += E4m3ToFloat(in[k]) * x.scale;
        }
      }
      for (int64_t k = 0; k < m; ++k) out[begin + k] = T::Store(sum[k]);
    }
  }
}

}  // namespace

void QuantiseRows(const Fp8Rows& rows, const Fp8Part& part, const void* tensor,
                  void* message) {
  WithDtype(rows.dtype, [&](auto dtype) {
    Quantise<decltype(dtype)>(rows, part, static_cast<const char*>(tensor),
                              static_cast<char*>(message));
  });
}

void DequantiseRows(const Fp8Rows& rows, const Fp8Part* parts, int32_t count,
                    const ithaca_ulysses_const_span* messages, void* tensor) {
  WithDtype(rows.dtype, [&](auto dtype) {
    Dequantise<decltype(dtype)>(rows, parts, count, messages,
                                static_cast<char*>(tensor));
  });
}

}  // namespace ithaca::ulysses
