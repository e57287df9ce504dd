// Tuner ABI v5: v6 without getChunkSize. See tuner.h.
#ifndef ITHACA_PLUGIN_TUNER_TUNER_V5_H_
#define ITHACA_PLUGIN_TUNER_TUNER_V5_H_

#include "plugin/abi/tuner_v5.h"
#include "plugin/tuner/tuner.h"

namespace ithaca::tuner {

inline constexpr abi::TunerV5 kTunerV5 = {
    kTunerV6.name,
    kTunerV6.init,
    kTunerV6.getCollInfo,
    kTunerV6.finalize,
};

}  // namespace ithaca::tuner

#endif  // ITHACA_PLUGIN_TUNER_TUNER_V5_H_
