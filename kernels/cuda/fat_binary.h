// The compiled kernels, as the library carries them.
//
// Used by gpu.cc. Constant.
#ifndef ITHACA_KERNELS_CUDA_FAT_BINARY_H_
#define ITHACA_KERNELS_CUDA_FAT_BINARY_H_

#include <cstdint>

namespace ithaca::ulysses {

struct Blob {
  const void* data = nullptr;
  uint64_t bytes = 0;  // 0: built without a CUDA toolkit
};

Blob FatBinary();

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_FAT_BINARY_H_
