// A kernel's body on the CPU, thread by thread.
//
// Used by tests on machines without a GPU. Confined to a thread.
#ifndef ITHACA_KERNELS_CUDA_RUN_ON_CPU_H_
#define ITHACA_KERNELS_CUDA_RUN_ON_CPU_H_

#include <cstdint>
#include <string>

#include "kernels/cuda/body.h"

namespace ithaca::ulysses {

// What a kernel works on.
struct KernelArguments {
  const StepTable& table;
  TensorPointers tensors;
  char* buffer;
};

// Runs that many blocks. False: there is no kernel of that name.
bool RunOnCpu(const std::string& kernel, uint64_t blocks,
              const KernelArguments& arguments);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_RUN_ON_CPU_H_
