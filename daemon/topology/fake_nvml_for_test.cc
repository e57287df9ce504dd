// Stands in for NVIDIA's management library: two GPUs joined by a switch and
// one without links; in the way the environment says, one that does not start.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "daemon/topology/nvml_abi.h"

namespace {

namespace nvml = ithaca::topology::nvml;

constexpr unsigned kGpus = 3;
constexpr nvml::Return kError = 999;

unsigned IndexOf(nvml::Device device) {
  return static_cast<unsigned>(reinterpret_cast<size_t>(device)) - 1;
}

bool Is(const char* what) {
  const char* mode = std::getenv("FAKE_NVML");
  return mode != nullptr && std::strcmp(mode, what) == 0;
}

void SetAddress(nvml::PciInfo* info, unsigned bus) {
  std::snprintf(info->address, sizeof info->address, "00000000:%02X:00.0", bus);
}

}  // namespace

extern "C" {

nvml::Return nvmlInit_v2() { return Is("broken") ? kError : 0; }
nvml::Return nvmlShutdown() { return 0; }
const char* nvmlErrorString(nvml::Return) { return "Driver Not Loaded"; }
nvml::Return nvmlDeviceGetCount_v2(unsigned* count) {
  *count = kGpus;
  return Is("uncounted") ? kError : 0;
}
nvml::Return nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml::Device* out) {
  *out = reinterpret_cast<nvml::Device>(size_t{index} + 1);
  return 0;
}
nvml::Return nvmlDeviceGetName(nvml::Device, char* text, unsigned size) {
  std::snprintf(text, size, "NVIDIA H100 80GB HBM3");
  return 0;
}
nvml::Return nvmlDeviceGetUUID(nvml::Device device, char* text, unsigned size) {
  std::snprintf(text, size, "GPU-%u", IndexOf(device));
  return 0;
}
nvml::Return nvmlDeviceGetMemoryInfo(nvml::Device, nvml::Memory* memory) {
  memory->total = 81559ull << 20;
  return 0;
}
// In the other order than PCI's: what is joined is joined by address.
nvml::Return nvmlDeviceGetPciInfo_v3(nvml::Device device, nvml::PciInfo* info) {
  SetAddress(info, 0x5f - 0x10 * IndexOf(device));
  return 0;
}
nvml::Return nvmlDeviceGetCudaComputeCapability(nvml::Device, int* major,
                                                int* minor) {
  *major = 9;
  *minor = 0;
  return 0;
}
nvml::Return nvmlDeviceGetMaxPcieLinkGeneration(nvml::Device, unsigned* out) {
  *out = 5;
  return 0;
}
nvml::Return nvmlDeviceGetMaxPcieLinkWidth(nvml::Device, unsigned* out) {
  *out = 16;
  return 0;
}
nvml::Return nvmlDeviceGetNvLinkState(nvml::Device device, unsigned,
                                      unsigned* active) {
  *active = IndexOf(device) < 2 ? 1 : 0;
  return 0;
}
nvml::Return nvmlDeviceGetNvLinkRemoteDeviceType(nvml::Device, unsigned,
                                                 unsigned* type) {
  *type = nvml::kSwitch;
  return 0;
}
nvml::Return nvmlDeviceGetNvLinkRemotePciInfo_v2(nvml::Device, unsigned link,
                                                 nvml::PciInfo* info) {
  SetAddress(info, 0xf0 + link % 4);
  return 0;
}
nvml::Return nvmlDeviceGetGpuFabricInfo(nvml::Device device,
                                        nvml::FabricInfo* info) {
  *info = {};
  if (!Is("fabric")) return 3;  // not supported
  info->cluster[0] = 0xab;
  info->clique = 7;
  info->state = IndexOf(device) == 0 ? nvml::kFabricCompleted : 2;
  return 0;
}

}  // extern "C"
