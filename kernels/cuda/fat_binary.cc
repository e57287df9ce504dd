#include "kernels/cuda/fat_binary.h"

// Made by ld from exchange_kernels.fatbin.
extern "C" const char _binary_exchange_kernels_fatbin_start[];
extern "C" const char _binary_exchange_kernels_fatbin_end[];

namespace ithaca::ulysses {

Blob FatBinary() {
  return {_binary_exchange_kernels_fatbin_start,
          static_cast<uint64_t>(_binary_exchange_kernels_fatbin_end -
                                _binary_exchange_kernels_fatbin_start)};
}

}  // namespace ithaca::ulysses
