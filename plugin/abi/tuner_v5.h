// Tuner plugin ABI v5 (NCCL 2.28 and newer): v6 without getChunkSize.
#ifndef ITHACA_PLUGIN_ABI_TUNER_V5_H_
#define ITHACA_PLUGIN_ABI_TUNER_V5_H_

#include "plugin/abi/tuner_v6.h"

namespace ithaca::abi {

// Byte for byte those of v6.
using NvlDomainInfoV5 = NvlDomainInfoV6;
using TunerConstantsV5 = TunerConstantsV6;

struct TunerV5 {
  const char* name;
  Result (*init)(void** ctx, uint64_t commId, size_t nRanks, size_t nNodes,
                 Logger logger, NvlDomainInfoV5* nvlDomainInfo,
                 TunerConstantsV5* constants);
  Result (*getCollInfo)(void* ctx, Func collType, size_t nBytes, int numPipeOps,
                        float** collCostTable, int numAlgo, int numProto,
                        int regBuff, int* nChannels);
  Result (*finalize)(void* ctx);
};
ITHACA_ABI_SIZE(TunerV5, 32);
ITHACA_ABI_AT(TunerV5, name, 0);
ITHACA_ABI_AT(TunerV5, init, 8);
ITHACA_ABI_AT(TunerV5, getCollInfo, 16);
ITHACA_ABI_AT(TunerV5, finalize, 24);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_TUNER_V5_H_
