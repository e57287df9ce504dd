#include "kernels/reference/head_sum.h"

#include "kernels/reference/cpu_level.h"

namespace ithaca::ulysses {

void SumRows(const SumArgs& args) {
  switch (DetectCpu()) {
    case CpuLevel::kAvx512:
      return SumRowsAvx512(args);
    case CpuLevel::kAvx2:
      return SumRowsAvx2(args);
    default:
      return SumRowsSse2(args);
  }
}

}  // namespace ithaca::ulysses
