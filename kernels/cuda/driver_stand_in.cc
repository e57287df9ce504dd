// A libcuda.so.1 for machines without a GPU: device memory is host memory, and
// a launch runs the kernel's body on the CPU, thread by thread, at once.
//
// Used by cuda_api_test alone, through LD_LIBRARY_PATH. It exports what gpu.cc
// asks of the driver, and counts launches for the test.
#include <cstring>
#include <string>

#include "kernels/cuda/run_on_cpu.h"

namespace {

using ithaca::ulysses::StepTable;
using ithaca::ulysses::TensorPointers;

// Set by the test: what cuCtxGetCurrent gives, the version, and whether
// launches fail.
int g_context = 1;
int g_version = 12080;
int g_launch_result = 0;

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void stand_in_set(int context,
                                                         int version,
                                                         int launch_result) {
  g_context = context;
  g_version = version;
  g_launch_result = launch_result;
}

__attribute__((visibility("default"))) int cuInit(unsigned) { return 0; }
__attribute__((visibility("default"))) int cuDriverGetVersion(int* version) {
  *version = g_version;
  return 0;
}
__attribute__((visibility("default"))) int cuGetErrorName(int,
                                                          const char** name) {
  *name = "CUDA_ERROR_OF_THE_STAND_IN";
  return 0;
}
__attribute__((visibility("default"))) int cuGetErrorString(int,
                                                            const char** text) {
  *text = "as the test asked for";
  return 0;
}
__attribute__((visibility("default"))) int cuCtxGetCurrent(void** context) {
  *context = g_context == 0 ? nullptr : &g_context;
  return 0;
}
__attribute__((visibility("default"))) int cuLibraryLoadData(void** library,
                                                             const void* code,
                                                             void*, void**,
                                                             unsigned, void*,
                                                             void**, unsigned) {
  // The fat binary's magic number.
  unsigned magic;
  memcpy(&magic, code, sizeof(magic));
  *library = &g_context;
  return magic == 0xBA55ED50 ? 0 : 200;
}
__attribute__((visibility("default"))) int cuLibraryGetKernel(
    void** kernel, void*, const char* name) {
  *kernel = new std::string(name);  // for as long as the process
  return 0;
}
__attribute__((visibility("default"))) int cuKernelGetFunction(void** function,
                                                               void* kernel) {
  *function = kernel;
  return 0;
}
__attribute__((visibility("default"))) int cuMemcpyHtoDAsync_v2(
    unsigned long long device, const void* host, size_t bytes, void*) {
  memcpy(reinterpret_cast<void*>(device), host, bytes);
  return 0;
}
__attribute__((visibility("default"))) int cuMemcpyDtoHAsync_v2(
    void* host, unsigned long long device, size_t bytes, void*) {
  memcpy(host, reinterpret_cast<const void*>(device), bytes);
  return 0;
}
__attribute__((visibility("default"))) int cuStreamSynchronize(void*) {
  return 0;
}
__attribute__((visibility("default"))) int cuLaunchKernel(
    void* function, unsigned grid_x, unsigned grid_y, unsigned, unsigned,
    unsigned, unsigned, unsigned, void*, void** params, void**) {
  if (g_launch_result != 0) return g_launch_result;
  const auto* table = *static_cast<const StepTable**>(params[0]);
  const auto* tensors = static_cast<const TensorPointers*>(params[1]);
  char* buffer = *static_cast<char**>(params[2]);
  return ithaca::ulysses::RunOnCpu(*static_cast<std::string*>(function),
                                   uint64_t{grid_x} * grid_y,
                                   {*table, *tensors, buffer})
             ? 0
             : 500;
}

}  // extern "C"
