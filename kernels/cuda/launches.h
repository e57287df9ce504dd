// Which kernels do a pack or unpack, and over how many blocks.
//
// Used by gpu.h, which launches them, and by the tests, which run their bodies
// on the CPU. Pure.
#ifndef ITHACA_KERNELS_CUDA_LAUNCHES_H_
#define ITHACA_KERNELS_CUDA_LAUNCHES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/step_table.h"

namespace ithaca::ulysses {

enum class Family {
  kPack,
  kUnpack,
  kSum,
  kQuantise,
  kDequantise,
  kDequantiseSum,
};
inline constexpr int kNumFamilies = 6;

struct Launch {
  Family family = Family::kPack;
  int32_t dtype = 0;  // an ithaca_ulysses_dtype; not used by copies
  // Bytes of a unit for copies (2, 4, 8, 16) and sums (16, or 1: an element);
  // elements of one for the others (4 or 1).
  uint32_t width = 0;
  uint64_t blocks = 0;
};

// At most two launches. `alignment` is a power of two that divides every
// pointer of the call.
std::vector<Launch> LaunchesOf(const StepTable& table, uint64_t alignment);

// The kernel's name in the fat binary.
std::string KernelName(const Launch& launch);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_LAUNCHES_H_
