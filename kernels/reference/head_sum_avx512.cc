#include "kernels/reference/float_convert.h"
#include "kernels/reference/head_sum.h"

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")

namespace ithaca::ulysses {
namespace {

#include "kernels/reference/head_sum.inc"

}  // namespace

void SumRowsAvx512(const SumArgs& args) { Sum(args); }

}  // namespace ithaca::ulysses
