// The accelerators that are known by name, with their published figures.
//
// The table is accelerators.yaml, which is built in. Used by the readers of
// files, the discovery of this machine and the planner. Immutable; safe from
// any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_ACCELERATOR_TABLE_H_
#define ITHACA_DAEMON_TOPOLOGY_ACCELERATOR_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// The figures have the units of the fields of v1::Accelerator. Absent: unknown.
struct KnownAccelerator {
  std::vector<std::string> names;     // lower case; at least one
  std::vector<std::string> products;  // at least one
  std::string pci;                    // "10de:2330"; empty: unknown
  std::optional<uint64_t> peak_flops;
  std::optional<uint64_t> memory_bytes;
  std::optional<uint64_t> memory_bytes_per_second;
  std::optional<uint64_t> nvlink_bytes_per_second;
  // Accelerators that NVLink joins as sold; 0: unknown, or none.
  uint32_t nvlink_domain = 0;
  bool rack_domain = false;  // the domain goes beyond a node
  std::optional<uint64_t> host_link_bytes_per_second;
  std::optional<uint32_t> megatransfers_per_second;  // of a PCIe lane
  std::optional<uint32_t> pci_lanes;
  std::optional<uint32_t> compute_capability;
  std::string source;
};

// All of them, in the order of the file.
const std::vector<KnownAccelerator>& KnownAccelerators();

// By one of its names ("h100-80g", case aside) or by a product name as NVML has
// it ("NVIDIA H100 80GB HBM3"); null when there is none.
const KnownAccelerator* FindAccelerator(absl::string_view name);

// By the vendor and device of its PCI function, "10de:2330", case aside; null
// when there is none.
const KnownAccelerator* FindAcceleratorByPci(absl::string_view pci);

// The same as FindAccelerator; INVALID_ARGUMENT with the names that there are
// when there is none.
absl::StatusOr<const KnownAccelerator*> GetAccelerator(absl::string_view name);

// Sets what `known` has and `accelerator` has not, and notes as their origin
// `source`, an index into Topology.sources. Says nothing about NVLink domains.
void FillFrom(const KnownAccelerator& known, uint32_t source,
              v1::Accelerator& accelerator);

// Millions of transfers per second of a lane of PCI Express 1 to 6; 0 for
// another generation.
uint32_t PciGenerationRate(uint64_t generation);

// Reads a table; for KnownAccelerators and for tests. Errors: INVALID_ARGUMENT
// with the line.
absl::StatusOr<std::vector<KnownAccelerator>> ReadAcceleratorTable(
    absl::string_view text, const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_ACCELERATOR_TABLE_H_
