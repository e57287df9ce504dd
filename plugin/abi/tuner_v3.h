// Tuner plugin ABI v3 (NCCL 2.22 and newer): v4 that is not told whether
// buffers are registered.
#ifndef ITHACA_PLUGIN_ABI_TUNER_V3_H_
#define ITHACA_PLUGIN_ABI_TUNER_V3_H_

#include "plugin/abi/tuner_v4.h"

namespace ithaca::abi {

struct TunerV3 {
  const char* name;
  Result (*init)(size_t nRanks, size_t nNodes, Logger logger, void** ctx);
  Result (*getCollInfo)(void* ctx, Func collType, size_t nBytes, int numPipeOps,
                        float** collCostTable, int numAlgo, int numProto,
                        int* nChannels);
  Result (*destroy)(void* ctx);
};
ITHACA_ABI_SIZE(TunerV3, 32);
ITHACA_ABI_AT(TunerV3, name, 0);
ITHACA_ABI_AT(TunerV3, init, 8);
ITHACA_ABI_AT(TunerV3, getCollInfo, 16);
ITHACA_ABI_AT(TunerV3, destroy, 24);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_TUNER_V3_H_
