// NVIDIA's management library, opened at run time: what GPUs there are and how
// NVLink joins them.
//
// Used by discovery. The few functions and structures used are declared here,
// in the layout of the library's stable ABI. An Nvml is confined to one thread;
// closing it closes the library.
#ifndef ITHACA_DAEMON_TOPOLOGY_NVML_H_
#define ITHACA_DAEMON_TOPOLOGY_NVML_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::topology {

// What one GPU says. Absent or empty: it does not say.
struct NvmlGpu {
  std::string name;
  std::string uuid;
  std::string pci_address;  // "dddd:bb:dd.f"
  std::optional<uint64_t> memory_bytes;
  std::optional<uint32_t> compute_capability;  // major * 10 + minor
  std::optional<uint32_t> pci_generation;      // at full speed
  std::optional<uint32_t> pci_lanes;
  // The other end of each active NVLink.
  struct Link {
    std::string pci_address;
    bool is_switch = false;
  };
  std::vector<Link> links;
  // "<cluster uuid>.<clique>" when the GPU is part of an NVLink domain beyond
  // its node and has joined it; "in progress" is not told.
  std::string fabric;
};

class Nvml {
 public:
  // Opens `library` ("libnvidia-ml.so.1"). Errors: NOT_FOUND when it is not
  // there or is no such library; FAILED_PRECONDITION with NVML's words when it
  // does not start (no driver).
  static absl::StatusOr<std::unique_ptr<Nvml>> Open(const std::string& library);
  virtual ~Nvml() = default;

  // All GPUs in NVML's order, which is that of PCI. Errors: INTERNAL with
  // NVML's words when they cannot be listed; what one GPU does not answer is
  // absent.
  virtual absl::StatusOr<std::vector<NvmlGpu>> Gpus() = 0;
};

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_NVML_H_
