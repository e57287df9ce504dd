#include "plugin/tuner/tuner_v3.h"

namespace ithaca::tuner::v3 {

abi::Result GetCollInfo(void* ctx, abi::Func func, size_t bytes, int pipe_ops,
                        float** cost_table, int algorithms, int protocols,
                        int* channels) {
  return kTunerV4.getCollInfo(ctx, func, bytes, pipe_ops, cost_table,
                              algorithms, protocols, /*regBuff=*/0, channels);
}

}  // namespace ithaca::tuner::v3

ITHACA_EXPORT_TUNER(3, ithaca::tuner::kTunerV3);
