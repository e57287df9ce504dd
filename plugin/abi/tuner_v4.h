// Tuner plugin ABI v4 (NCCL 2.24 and newer): v5 whose init knows neither the
// communicator nor the model, and whose finalize is called destroy.
#ifndef ITHACA_PLUGIN_ABI_TUNER_V4_H_
#define ITHACA_PLUGIN_ABI_TUNER_V4_H_

#include "plugin/abi/tuner_v5.h"

namespace ithaca::abi {

struct TunerV4 {
  const char* name;
  Result (*init)(size_t nRanks, size_t nNodes, Logger logger, void** ctx);
  Result (*getCollInfo)(void* ctx, Func collType, size_t nBytes, int numPipeOps,
                        float** collCostTable, int numAlgo, int numProto,
                        int regBuff, int* nChannels);
  Result (*destroy)(void* ctx);
};
ITHACA_ABI_SIZE(TunerV4, 32);
ITHACA_ABI_AT(TunerV4, name, 0);
ITHACA_ABI_AT(TunerV4, init, 8);
ITHACA_ABI_AT(TunerV4, getCollInfo, 16);
ITHACA_ABI_AT(TunerV4, destroy, 24);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_TUNER_V4_H_
