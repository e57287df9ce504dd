#include "kernels/reference/float_convert.h"
#include "kernels/reference/head_sum.h"

#pragma GCC target("avx2")

namespace ithaca::ulysses {
namespace {

#include "kernels/reference/head_sum.inc"

}  // namespace

void SumRowsAvx2(const SumArgs& args) { Sum(args); }

}  // namespace ithaca::ulysses
