#include "kernels/reference/float_convert.h"
#include "kernels/reference/head_sum.h"

namespace ithaca::ulysses {
namespace {

#include "kernels/reference/head_sum.inc"

}  // namespace

void SumRowsSse2(const SumArgs& args) { Sum(args); }

}  // namespace ithaca::ulysses
