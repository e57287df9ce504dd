// Which instruction sets this processor has, in the steps that code here is
// built for.
//
// Used by attention and head_sum to choose among copies of their inner loops.
// Pure function; thread-safe.
#ifndef ITHACA_KERNELS_REFERENCE_CPU_LEVEL_H_
#define ITHACA_KERNELS_REFERENCE_CPU_LEVEL_H_

namespace ithaca::ulysses {

enum class CpuLevel {
  kSse2,    // every x86-64 processor
  kAvx2,    // avx2
  kAvx512,  // avx512f, avx512bw, avx512dq, avx512vl
};

// The highest level of this processor and operating system.
inline CpuLevel DetectCpu() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) return CpuLevel::kSse2;
  const bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? CpuLevel::kAvx512 : CpuLevel::kAvx2;
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_CPU_LEVEL_H_
