// Tuner plugin ABI v6 (NCCL 2.30 and newer): the canonical one.
//
// NCCL asks a tuner about collectives alone: never about all-to-all, send,
// recv, gather or scatter. A failed call aborts the user's collective, so a
// tuner that cannot help succeeds and leaves its outputs untouched. Every rank
// of a communicator must give the same answers, or the job hangs. Threads: one
// context is used by one thread at a time; contexts run in parallel.
#ifndef ITHACA_PLUGIN_ABI_TUNER_V6_H_
#define ITHACA_PLUGIN_ABI_TUNER_V6_H_

#include "plugin/abi/common.h"

namespace ithaca::abi {

inline constexpr int kTunerAlgorithms = 7;
inline constexpr int kTunerProtocols = 3;
inline constexpr int kTunerHwLinks = 3;   // NVLink, PCI, network.
inline constexpr int kTunerCompCaps = 4;  // Volta, Ampere, Hopper, Blackwell.
inline constexpr int kTunerScales = 3;    // 1, 2, 4 and more nodes.

struct NvlDomainInfoV6 {
  int nNvlDomains;
  int minRanksPerNvlDomain;
  int maxRanksPerNvlDomain;
};
ITHACA_ABI_SIZE(NvlDomainInfoV6, 12);
ITHACA_ABI_AT(NvlDomainInfoV6, nNvlDomains, 0);
ITHACA_ABI_AT(NvlDomainInfoV6, minRanksPerNvlDomain, 4);
ITHACA_ABI_AT(NvlDomainInfoV6, maxRanksPerNvlDomain, 8);

// NCCL's own model: latencies in microseconds, bandwidths in GB/s.
struct TunerConstantsV6 {
  double baseLatencies[kTunerAlgorithms][kTunerProtocols];
  double hwLatencies[kTunerHwLinks][kTunerAlgorithms][kTunerProtocols];
  double llMaxBws[kTunerCompCaps][kTunerScales];
  double perChMaxRingLL128Bws[kTunerCompCaps][kTunerScales];
  double perChMaxTreeLL128Bws[kTunerCompCaps][kTunerScales];
  double perChMaxTreeBws[kTunerCompCaps][kTunerScales];
  double perChMaxNVLSTreeBws[kTunerCompCaps][kTunerScales];
};
ITHACA_ABI_SIZE(TunerConstantsV6, 1152);
ITHACA_ABI_AT(TunerConstantsV6, baseLatencies, 0);
ITHACA_ABI_AT(TunerConstantsV6, hwLatencies, 168);
ITHACA_ABI_AT(TunerConstantsV6, llMaxBws, 672);
ITHACA_ABI_AT(TunerConstantsV6, perChMaxRingLL128Bws, 768);
ITHACA_ABI_AT(TunerConstantsV6, perChMaxTreeLL128Bws, 864);
ITHACA_ABI_AT(TunerConstantsV6, perChMaxTreeBws, 960);
ITHACA_ABI_AT(TunerConstantsV6, perChMaxNVLSTreeBws, 1056);

struct TunerV6 {
  const char* name;
  // Once per communicator. `nvlDomainInfo` and `constants` may be null; the
  // latter may be changed.
  Result (*init)(void** ctx, uint64_t commId, size_t nRanks, size_t nNodes,
                 Logger logger, NvlDomainInfoV6* nvlDomainInfo,
                 TunerConstantsV6* constants);
  // collCostTable is really float[numAlgo][numProto], in microseconds; entries
  // equal to kCostIgnore stay. *nChannels 0: NCCL chooses.
  Result (*getCollInfo)(void* ctx, Func collType, size_t nBytes, int numPipeOps,
                        float** collCostTable, int numAlgo, int numProto,
                        int regBuff, int* nChannels);
  Result (*finalize)(void* ctx);
  // May be null: NCCL keeps the chunk size that it computed.
  Result (*getChunkSize)(void* ctx, Func collType, size_t nBytes, int algo,
                         int proto, int nChannels, size_t* chunkSize);
};
ITHACA_ABI_SIZE(TunerV6, 40);
ITHACA_ABI_AT(TunerV6, name, 0);
ITHACA_ABI_AT(TunerV6, init, 8);
ITHACA_ABI_AT(TunerV6, getCollInfo, 16);
ITHACA_ABI_AT(TunerV6, finalize, 24);
ITHACA_ABI_AT(TunerV6, getChunkSize, 32);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_TUNER_V6_H_
