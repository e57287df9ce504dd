// Tuner ABI v3: v4 that is not told whether buffers are registered. See
// tuner.h.
#ifndef ITHACA_PLUGIN_TUNER_TUNER_V3_H_
#define ITHACA_PLUGIN_TUNER_TUNER_V3_H_

#include "plugin/abi/tuner_v3.h"
#include "plugin/tuner/tuner_v4.h"

namespace ithaca::tuner {
namespace v3 {

// Takes buffers for not registered.
abi::Result GetCollInfo(void* ctx, abi::Func func, size_t bytes, int pipe_ops,
                        float** cost_table, int algorithms, int protocols,
                        int* channels);

}  // namespace v3

inline constexpr abi::TunerV3 kTunerV3 = {
    kTunerV4.name,
    kTunerV4.init,
    v3::GetCollInfo,
    kTunerV4.destroy,
};

}  // namespace ithaca::tuner

#endif  // ITHACA_PLUGIN_TUNER_TUNER_V3_H_
