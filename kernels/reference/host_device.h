// ITHACA_HOST_DEVICE marks functions that CUDA kernels call too, ITHACA_UNROLL
// loops that they must not keep. Nothing elsewhere.
#ifndef ITHACA_KERNELS_REFERENCE_HOST_DEVICE_H_
#define ITHACA_KERNELS_REFERENCE_HOST_DEVICE_H_

#ifdef __CUDACC__
#define ITHACA_HOST_DEVICE __host__ __device__
#define ITHACA_UNROLL _Pragma("unroll")
#else
#define ITHACA_HOST_DEVICE
#define ITHACA_UNROLL
#endif

#endif  // ITHACA_KERNELS_REFERENCE_HOST_DEVICE_H_
