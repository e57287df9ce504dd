// The CUDA driver and our kernels in it.
//
// Used by the CUDA calls of the C API. The driver is opened once per process
// and never closed. Thread-safe.
#ifndef ITHACA_KERNELS_CUDA_GPU_H_
#define ITHACA_KERNELS_CUDA_GPU_H_

#include <cstdint>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/cuda/body.h"
#include "kernels/cuda/launches.h"

namespace ithaca::ulysses {

class Gpu {
 public:
  // The process's driver, with our kernels loaded into the current context.
  // UNSUPPORTED: no toolkit at build time. CUDA_ERROR: no driver, an old one,
  // no context.
  static int32_t Get(const Gpu** gpu, ithaca_ulysses_error* error);

  // Enqueues a copy to device memory. The host memory stays unchanged until it
  // is done.
  int32_t CopyToDevice(void* device, const void* host, uint64_t bytes,
                       void* stream, ithaca_ulysses_error* error) const;

  // Enqueues a copy from device memory and waits for the stream.
  int32_t CopyToHost(void* host, const void* device, uint64_t bytes,
                     void* stream, ithaca_ulysses_error* error) const;

  // Enqueues a kernel. `table` is device memory.
  int32_t Start(const Launch& launch, const void* table,
                const TensorPointers& tensors, char* buffer, void* stream,
                ithaca_ulysses_error* error) const;

 private:
  struct Driver;
  explicit Gpu(const Driver* driver) : driver_(driver) {}
  static int32_t FailWith(const Driver& driver, const char* what, int result,
                          ithaca_ulysses_error* error);
  int32_t LoadIntoContext(ithaca_ulysses_error* error) const;

  const Driver* const driver_;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_CUDA_GPU_H_
