// Tuner ABI v2: v3 that names a choice instead of editing a table of costs. See
// tuner.h.
#ifndef ITHACA_PLUGIN_TUNER_TUNER_V2_H_
#define ITHACA_PLUGIN_TUNER_TUNER_V2_H_

#include "plugin/abi/tuner_v2.h"
#include "plugin/tuner/tuner_v3.h"

namespace ithaca::tuner {
namespace v2 {

// Chooses nothing: the three outputs stay as they are. Not made from v3, whose
// table this version does not have. Every pointer may be null.
abi::Result GetCollInfo(void* ctx, abi::Func func, size_t bytes, int coll_net,
                        int nvls, int pipe_ops, int* algorithm, int* protocol,
                        int* channels);

}  // namespace v2

inline constexpr abi::TunerV2 kTunerV2 = {
    kTunerV3.name,
    kTunerV3.init,
    v2::GetCollInfo,
    kTunerV3.destroy,
};

}  // namespace ithaca::tuner

#endif  // ITHACA_PLUGIN_TUNER_TUNER_V2_H_
