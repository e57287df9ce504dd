// Pack and unpack of the quantised wire. A group of lanes works on one head of
// one token.
//
// Used by exchange_kernels.cu (32 lanes) and the tests (one lane); see body.h.
// The format stands in kernels/api/ithaca_ulysses.h.
#ifndef ITHACA_KERNELS_CUDA_FP8_BODY_H_
#define ITHACA_KERNELS_CUDA_FP8_BODY_H_

#include "kernels/cuda/body.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {

// The largest of all lanes' values.
template <uint32_t kGroup>
ITHACA_HOST_DEVICE inline uint32_t LargestOfLanes(uint32_t value) {
#ifdef __CUDA_ARCH__
  for (uint32_t step = kGroup / 2; step > 0; step /= 2) {
    const uint32_t other = __shfl_xor_sync(0xFFFFFFFF, value, step);
    value = other > value ? other : value;
  }
#endif
  return value;
}

// kWide elements at once.
template <typename T, uint32_t kWide>
struct Elements {
  typename T::Storage values[kWide];
};

template <typename T, uint32_t kWide>
ITHACA_HOST_DEVICE inline Elements<T, kWide> LoadElements(const char* from) {
  Elements<T, kWide> result;
  if constexpr (kWide == 1) {
    result.values[0] = *reinterpret_cast<const typename T::Storage*>(from);
  } else if constexpr (sizeof(result) == 16) {
    const Unit16 unit = LoadUnit<Unit16>(from);
    memcpy(&result, &unit, sizeof(result));
  } else {
    const auto unit = LoadUnit<unsigned long long>(from);
    memcpy(&result, &unit, sizeof(result));
  }
  return result;
}

template <typename T, uint32_t kWide>
ITHACA_HOST_DEVICE inline void StoreElements(char* to,
                                             const Elements<T, kWide>& e) {
  if constexpr (kWide == 1) {
    *reinterpret_cast<typename T::Storage*>(to) = e.values[0];
  } else if constexpr (sizeof(e) == 16) {
    Unit16 unit;
    memcpy(&unit, &e, sizeof(unit));
    StoreUnit(to, unit);
  } else {
    unsigned long long unit;
    memcpy(&unit, &e, sizeof(unit));
    StoreUnit(to, unit);
  }
}

// The scale of a head's elements.
template <typename T, uint32_t kGroup, uint32_t kWide>
ITHACA_HOST_DEVICE inline float ScaleOfHead(const char* from, uint32_t d,
                                            uint32_t lane) {
  uint32_t largest = 0;
  for (uint32_t c = lane * kWide; c < d; c += kGroup * kWide) {
    const auto e = LoadElements<T, kWide>(
        from + uint64_t{c} * sizeof(typename T::Storage));
    ITHACA_UNROLL
    for (uint32_t k = 0; k < kWide; ++k) {
      // Among floats without sign the order is that of their bits.
      const uint32_t magnitude = BitsOf(T::Load(e.values[k])) & 0x7FFFFFFF;
      if (magnitude < 0x7F800000 && magnitude > largest) largest = magnitude;
    }
  }
  const float scale = FloatOf(LargestOfLanes<kGroup>(largest)) / 448.0f;
  return scale < 0x1p-126f ? 0x1p-126f : scale;
}

// Zeros behind the scales and behind the elements, up to 15 bytes each.
ITHACA_HOST_DEVICE inline void ZeroPadding(const StepTable& table,
                                           const PartEntry& part,
                                           char* buffer) {
  uint64_t at = part.scales + part.work * sizeof(float);
  while (at < part.elements) buffer[at++] = 0;
  at = part.elements + part.work * table.head_size;
  while (at < part.end) buffer[at++] = 0;
}

// The heads of rows that a block works on: from head `head` of row `row` on.
struct HeadBlock {
  uint64_t first;
  PartRow row;
  uint32_t head;
};

ITHACA_HOST_DEVICE inline HeadBlock FindHeadBlock(const PartEntry& part,
                                                  uint64_t block) {
  HeadBlock b;
  b.first = (block - part.first_block) * kHeadsOfBlock;
  const auto row = static_cast<int64_t>(b.first / part.heads);
  b.row = {row / part.rows, row % part.rows};
  b.head = static_cast<uint32_t>(b.first % part.heads);
  return b;
}

// Offset in the tensor of the block's head of a row `k`.
template <typename T>
ITHACA_HOST_DEVICE inline uint64_t HeadOffset(const StepTable& table,
                                              const PartEntry& part,
                                              const HeadBlock& block,
                                              uint32_t k) {
  const uint32_t x = block.head + k;
  const PartRow row = MoveOn(block.row, x / part.heads, part.rows);
  return TensorOffset(table, part, row) + uint64_t{x % part.heads} *
                                              table.head_size *
                                              sizeof(typename T::Storage);
}

// What lane `lane` of group `group` of block `block` does in pack.
template <typename T, uint32_t kGroup, uint32_t kWide>
ITHACA_HOST_DEVICE inline void QuantiseThread(const StepTable& table,
                                              const TensorPointers& tensors,
                                              char* buffer, uint64_t block,
                                              uint32_t group, uint32_t lane) {
  const PartEntry& part = PartOfBlock(table, block);
  const HeadBlock b = FindHeadBlock(part, block);
  const uint32_t d = table.head_size;
  for (uint32_t k = group; k < kHeadsOfBlock; k += kThreads / kLanes) {
    const uint64_t i = b.first + k;
    if (i >= part.work) return;
    const char* const from =
        tensors.data[part.tensor] + HeadOffset<T>(table, part, b, k);
    const float scale = ScaleOfHead<T, kGroup, kWide>(from, d, lane);
    const float inverse = 1.0f / scale;
    char* const to = buffer + part.elements + i * d;
    for (uint32_t c = lane * kWide; c < d; c += kGroup * kWide) {
      const auto e = LoadElements<T, kWide>(
          from + uint64_t{c} * sizeof(typename T::Storage));
      uint32_t packed = 0;
      ITHACA_UNROLL
      for (uint32_t j = 0; j < kWide; ++j) {
        packed |= uint32_t{FloatToE4m3(T::Load(e.values[j]) * inverse)}
                  << (8 * j);
      }
      if constexpr (kWide == 4) {
        StoreUnit<uint32_t>(to + c, packed);
      } else {
        to[c] = static_cast<char>(packed);
      }
    }
    if (lane != 0) continue;
    StoreUnit<float>(buffer + part.scales + i * sizeof(float), scale);
    if (i + 1 == part.work) ZeroPadding(table, part, buffer);
  }
}

// sum[j] += element j of c on, times the scale; the first one sets it.
template <uint32_t kWide>
ITHACA_HOST_DEVICE inline void AddScaled(const char* elements, float scale,
                                         bool first, float* sum) {
  uint32_t packed;
  if constexpr (kWide == 4) {
    packed = LoadUnit<uint32_t>(elements);
  } else {
    packed = static_cast<uint8_t>(*elements);
  }
  ITHACA_UNROLL
  for (uint32_t j = 0; j < kWide; ++j) {
    // Not fused: the CPU multiplies and adds in two steps too.
#ifdef __CUDA_ARCH__
    const float x =
        __fmul_rn(E4m3ToFloat(static_cast<uint8_t>(packed >> (8 * j))), scale);
    sum[j] = first ? x : __fadd_rn(sum[j], x);
#else
    const float x =
        E4m3ToFloat(static_cast<uint8_t>(packed >> (8 * j))) * scale;
    sum[j] = first ? x : sum[j] + x;
#endif
  }
}

template <typename T, uint32_t kWide>
ITHACA_HOST_DEVICE inline void StoreRounded(const float* sum, char* to) {
  Elements<T, kWide> e;
  ITHACA_UNROLL
  for (uint32_t j = 0; j < kWide; ++j) e.values[j] = T::Store(sum[j]);
  StoreElements<T, kWide>(to, e);
}

// What lane `lane` of group `group` of block `block` does in unpack of tensors
// that are not summed.
template <typename T, uint32_t kGroup, uint32_t kWide>
ITHACA_HOST_DEVICE inline void DequantiseThread(const StepTable& table,
                                                const TensorPointers& tensors,
                                                const char* buffer,
                                                uint64_t block, uint32_t group,
                                                uint32_t lane) {
  const PartEntry& part = PartOfBlock(table, block);
  const HeadBlock b = FindHeadBlock(part, block);
  const uint32_t d = table.head_size;
  for (uint32_t k = group; k < kHeadsOfBlock; k += kThreads / kLanes) {
    const uint64_t i = b.first + k;
    if (i >= part.work) return;
    char* const to =
        tensors.data[part.tensor] + HeadOffset<T>(table, part, b, k);
    const float scale =
        LoadUnit<float>(buffer + part.scales + i * sizeof(float));
    for (uint32_t c = lane * kWide; c < d; c += kGroup * kWide) {
      float sum[kWide] = {};
      AddScaled<kWide>(buffer + part.elements + i * d + c, scale, true, sum);
      StoreRounded<T, kWide>(sum,
                             to + uint64_t{c} * sizeof(typename T::Storage));
    }
  }
}

// The same for a summed tensor; `is_v`: dv, else dk.
template <typename T, uint32_t kGroup, uint32_t kWide>
ITHACA_HOST_DEVICE inline void DequantiseSumThread(
    const StepTable& table, const TensorPointers& tensors, const char* buffer,
    bool is_v, uint64_t block, uint32_t group, uint32_t lane) {
  const uint64_t total =
      table.batch * static_cast<uint64_t>(table.rows) * table.num_heads;
  const uint32_t d = table.head_size;
  char* const tensor = tensors.data[is_v ? 2 : 1];
  const uint64_t first = block * kHeadsOfBlock;
  const PartRow first_row = RowInTensor(table, first / table.num_heads);
  const auto first_head = static_cast<uint32_t>(first % table.num_heads);
  for (uint32_t k = group; k < kHeadsOfBlock; k += kThreads / kLanes) {
    const uint64_t i = first + k;
    if (i >= total) return;
    const uint32_t x = first_head + k;
    const HeadEntry& head =
        table.At<HeadEntry>(table.heads)[x % table.num_heads];
    if (head.num_sources == 0) continue;  // of another chunk
    const PartRow row = MoveOnInTensor(table, first_row, x / table.num_heads);
    const auto wire_row =
        static_cast<uint64_t>(row.batch * table.rows + row.row);
    const SourceEntry* sources =
        table.At<SourceEntry>(table.sources) + head.first_source;
    for (uint32_t c = lane * kWide; c < d; c += kGroup * kWide) {
      float sum[kWide] = {};
      for (uint32_t n = 0; n < head.num_sources; ++n) {
        const SourceEntry& from = sources[n];
        const float scale = LoadUnit<float>(
            buffer + from.scales + (is_v ? from.scales_to_v : 0) +
            wire_row * from.row_heads * sizeof(float));
        AddScaled<kWide>(buffer + from.elements + (is_v ? from.to_v : 0) +
                             wire_row * from.row_bytes + c,
                         scale, n == 0, sum);
      }
      StoreRounded<T, kWide>(
          sum, tensor + (i * d + c) * sizeof(typename T::Storage));
    }
  }
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_FP8_BODY_H_
