#include "plugin/tuner/tuner_v5.h"

ITHACA_EXPORT_TUNER(5, ithaca::tuner::kTunerV5);
