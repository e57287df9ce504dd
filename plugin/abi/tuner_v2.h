// Tuner plugin ABI v2 (NCCL 2.21 and newer): v3 that names one algorithm and
// protocol instead of editing a table of costs.
#ifndef ITHACA_PLUGIN_ABI_TUNER_V2_H_
#define ITHACA_PLUGIN_ABI_TUNER_V2_H_

#include "plugin/abi/tuner_v3.h"

namespace ithaca::abi {

struct TunerV2 {
  const char* name;
  Result (*init)(size_t nRanks, size_t nNodes, Logger logger, void** ctx);
  // Outputs come in as -1, -1 and 0 (NCCL chooses); algorithm and protocol are
  // set together or not at all.
  Result (*getCollInfo)(void* ctx, Func collType, size_t nBytes,
                        int collNetSupport, int nvlsSupport, int numPipeOps,
                        int* algorithm, int* protocol, int* nChannels);
  Result (*destroy)(void* ctx);
};
ITHACA_ABI_SIZE(TunerV2, 32);
ITHACA_ABI_AT(TunerV2, name, 0);
ITHACA_ABI_AT(TunerV2, init, 8);
ITHACA_ABI_AT(TunerV2, getCollInfo, 16);
ITHACA_ABI_AT(TunerV2, destroy, 24);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_TUNER_V2_H_
