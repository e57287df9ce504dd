// Tuner ABI v4: v5 whose init names no communicator. See tuner.h.
#ifndef ITHACA_PLUGIN_TUNER_TUNER_V4_H_
#define ITHACA_PLUGIN_TUNER_TUNER_V4_H_

#include "plugin/abi/tuner_v4.h"
#include "plugin/tuner/tuner_v5.h"

namespace ithaca::tuner {
namespace v4 {

abi::Result Init(size_t ranks, size_t nodes, abi::Logger logger, void** ctx);

}  // namespace v4

inline constexpr abi::TunerV4 kTunerV4 = {
    kTunerV5.name,
    v4::Init,
    kTunerV5.getCollInfo,
    kTunerV5.finalize,
};

}  // namespace ithaca::tuner

#endif  // ITHACA_PLUGIN_TUNER_TUNER_V4_H_
