// NVML's functions and structures as far as they are used, in the layout of its
// stable ABI (the names with a version keep theirs for ever).
//
// Used by nvml and by the library that stands in for NVML in tests. No logic.
#ifndef ITHACA_DAEMON_TOPOLOGY_NVML_ABI_H_
#define ITHACA_DAEMON_TOPOLOGY_NVML_ABI_H_

#include <cstddef>

namespace ithaca::topology::nvml {

using Return = int;  // 0: success
using Device = void*;

inline constexpr Return kSuccess = 0;
inline constexpr unsigned kMaxLinks = 18;
inline constexpr unsigned kSwitch = 2;  // type of a remote device
inline constexpr unsigned char kFabricCompleted = 3;

// bytes 0..15 legacy address, 16 domain, 20 bus, 24 device, 28 device id,
// 32 subsystem id, 36..67 address
struct PciInfo {
  char legacy_address[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char address[32];
};
static_assert(sizeof(PciInfo) == 68 && offsetof(PciInfo, address) == 36);

struct Memory {
  unsigned long long total, free, used;
};
static_assert(sizeof(Memory) == 24);

// bytes 0..15 cluster uuid, 16 status, 20 clique, 24 state
struct FabricInfo {
  unsigned char cluster[16];
  Return status;
  unsigned clique;
  unsigned char state;
};
static_assert(sizeof(FabricInfo) == 28 && offsetof(FabricInfo, state) == 24);

// nvmlInit_v2, nvmlShutdown
using InitFn = Return (*)();
// nvmlErrorString
using ErrorStringFn = const char* (*)(Return);
// nvmlDeviceGetCount_v2
using CountFn = Return (*)(unsigned*);
// nvmlDeviceGetHandleByIndex_v2
using HandleFn = Return (*)(unsigned, Device*);
// nvmlDeviceGetName, nvmlDeviceGetUUID
using TextFn = Return (*)(Device, char*, unsigned);
// nvmlDeviceGetMemoryInfo
using MemoryFn = Return (*)(Device, Memory*);
// nvmlDeviceGetPciInfo_v3
using PciFn = Return (*)(Device, PciInfo*);
// nvmlDeviceGetCudaComputeCapability
using CapabilityFn = Return (*)(Device, int*, int*);
// nvmlDeviceGetMaxPcieLinkGeneration, nvmlDeviceGetMaxPcieLinkWidth
using NumberFn = Return (*)(Device, unsigned*);
// nvmlDeviceGetNvLinkState, nvmlDeviceGetNvLinkRemoteDeviceType
using LinkNumberFn = Return (*)(Device, unsigned, unsigned*);
// nvmlDeviceGetNvLinkRemotePciInfo_v2
using LinkPciFn = Return (*)(Device, unsigned, PciInfo*);
// nvmlDeviceGetGpuFabricInfo
using FabricFn = Return (*)(Device, FabricInfo*);

}  // namespace ithaca::topology::nvml

#endif  // ITHACA_DAEMON_TOPOLOGY_NVML_ABI_H_
