// The kernels: thin shells around the bodies, one for each width and dtype.
//
// Compiled by nvcc into a fat binary that libithaca_ulysses.so carries and loads
// through the driver (gpu.h, which knows the names).
#include "kernels/cuda/copy_body.h"
#include "kernels/cuda/fp8_body.h"
#include "kernels/cuda/sum_body.h"

namespace ithaca::ulysses {
namespace {

// Blocks are spread over x and y: x alone ends at 2^31.
__device__ inline uint64_t Block() {
  return blockIdx.x + uint64_t{gridDim.x} * blockIdx.y;
}

template <typename Unit>
__device__ inline void Pack(const StepTable* table,
                            const TensorPointers& tensors, char* buffer) {
  if (Block() < table->num_blocks)
    CopyThread<Unit, true>(*table, tensors, buffer, Block(), threadIdx.x);
}

template <typename Unit>
__device__ inline void Unpack(const StepTable* table,
                              const TensorPointers& tensors, char* buffer) {
  if (Block() < table->num_blocks)
    CopyThread<Unit, false>(*table, tensors, buffer, Block(), threadIdx.x);
}

// dk's blocks, then dv's.
template <typename T, typename Unit>
__device__ inline void Sum(const StepTable* table,
                           const TensorPointers& tensors, char* buffer) {
  const uint64_t block = Block();
  if (block >= 2 * table->sum_blocks) return;
  const bool is_v = block >= table->sum_blocks;
  SumThread<T, Unit>(*table, tensors, buffer, is_v,
                     is_v ? block - table->sum_blocks : block, threadIdx.x);
}

template <typename T, uint32_t kWide>
__device__ inline void Quantise(const StepTable* table,
                                const TensorPointers& tensors, char* buffer) {
  if (Block() < table->num_blocks) {
    QuantiseThread<T, kLanes, kWide>(*table, tensors, buffer, Block(),
                                     threadIdx.x / kLanes,
                                     threadIdx.x % kLanes);
  }
}

template <typename T, uint32_t kWide>
__device__ inline void Dequantise(const StepTable* table,
                                  const TensorPointers& tensors,
                                  char* buffer) {
  if (Block() < table->num_blocks) {
    DequantiseThread<T, kLanes, kWide>(*table, tensors, buffer, Block(),
                                       threadIdx.x / kLanes,
                                       threadIdx.x % kLanes);
  }
}

template <typename T, uint32_t kWide>
__device__ inline void DequantiseSum(const StepTable* table,
                                     const TensorPointers& tensors,
                                     char* buffer) {
  const uint64_t block = Block();
  if (block >= 2 * table->sum_blocks) return;
  const bool is_v = block >= table->sum_blocks;
  DequantiseSumThread<T, kLanes, kWide>(
      *table, tensors, buffer, is_v,
      is_v ? block - table->sum_blocks : block, threadIdx.x / kLanes,
      threadIdx.x % kLanes);
}

}  // namespace
}  // namespace ithaca::ulysses

// Four blocks at a time on a multiprocessor, so up to 64 registers for a thread:
// left alone, ptxas takes 32 and spills.
#define ITHACA_KERNEL(name, ...)                                            \
  extern "C" __global__ void __launch_bounds__(ithaca::ulysses::kThreads,   \
                                               4)                           \
      ithaca_##name(const ithaca::ulysses::StepTable* table,                \
                    const __grid_constant__                                 \
                        ithaca::ulysses::TensorPointers tensors,            \
                    char* buffer) {                                         \
    using namespace ithaca::ulysses;                                        \
    __VA_ARGS__(table, tensors, buffer);                                    \
  }

ITHACA_KERNEL(pack_16, Pack<Unit16>)
ITHACA_KERNEL(pack_8, Pack<unsigned long long>)
ITHACA_KERNEL(pack_4, Pack<unsigned int>)
ITHACA_KERNEL(pack_2, Pack<unsigned short>)
ITHACA_KERNEL(unpack_16, Unpack<Unit16>)
ITHACA_KERNEL(unpack_8, Unpack<unsigned long long>)
ITHACA_KERNEL(unpack_4, Unpack<unsigned int>)
ITHACA_KERNEL(unpack_2, Unpack<unsigned short>)

#define ITHACA_KERNELS_OF(dtype, T, one)                           \
  ITHACA_KERNEL(sum_##dtype##_16, Sum<T, Unit16>)                  \
  ITHACA_KERNEL(sum_##dtype##_1, Sum<T, one>)                      \
  ITHACA_KERNEL(quantise_##dtype##_4, Quantise<T, 4>)              \
  ITHACA_KERNEL(quantise_##dtype##_1, Quantise<T, 1>)              \
  ITHACA_KERNEL(dequantise_##dtype##_4, Dequantise<T, 4>)          \
  ITHACA_KERNEL(dequantise_##dtype##_1, Dequantise<T, 1>)          \
  ITHACA_KERNEL(dequantise_sum_##dtype##_4, DequantiseSum<T, 4>)   \
  ITHACA_KERNEL(dequantise_sum_##dtype##_1, DequantiseSum<T, 1>)

ITHACA_KERNELS_OF(f32, F32, unsigned int)
ITHACA_KERNELS_OF(bf16, Bf16, unsigned short)
ITHACA_KERNELS_OF(f16, F16, unsigned short)
