#include "daemon/topology/hwloc_machine.h"

#include <hwloc.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ithaca::topology {
namespace {

absl::Status Error(const char* call) {
  return absl::InternalError(
      absl::StrCat("hwloc: ", call, " failed: ", std::strerror(errno)));
}

// Destroys a topology at the end of a block.
struct Topology {
  ~Topology() {
    if (handle != nullptr) hwloc_topology_destroy(handle);
  }
  hwloc_topology_t handle = nullptr;
};

// libpciaccess, which hwloc opens and closes again, gives back its tables
// never.
struct ForgivesLeaks {
#ifdef __SANITIZE_ADDRESS__
  ForgivesLeaks() { __lsan_disable(); }
  ~ForgivesLeaks() { __lsan_enable(); }
#else
  ForgivesLeaks() {}
#endif
};

}  // namespace

absl::StatusOr<std::string> HwlocXmlOfThisMachine() {
  Topology topology;
  if (hwloc_topology_init(&topology.handle) != 0) return Error("init");
  // In a container, the machine is described and not what the container may
  // use of it.
  if (hwloc_topology_set_flags(topology.handle,
                               HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) != 0) {
    return Error("set_flags");
  }
  if (hwloc_topology_set_io_types_filter(
          topology.handle, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) != 0 ||
      hwloc_topology_set_type_filter(topology.handle, HWLOC_OBJ_BRIDGE,
                                     HWLOC_TYPE_FILTER_KEEP_ALL) != 0) {
    return Error("set_io_types_filter");
  }
  // Plugins for displays may hang, and the GPU plugins would load drivers.
  for (const char* component : {"gl", "cuda", "nvml", "rsmi", "opencl"}) {
    hwloc_topology_set_components(
        topology.handle, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, component);
  }
  {
    const ForgivesLeaks of_libpciaccess;
    if (hwloc_topology_load(topology.handle) != 0) return Error("load");
  }
  char* text = nullptr;
  int length = 0;
  if (hwloc_topology_export_xmlbuffer(topology.handle, &text, &length, 0) != 0)
    return Error("export_xmlbuffer");
  std::string xml(text);
  hwloc_free_xmlbuffer(topology.handle, text);
  return xml;
}

}  // namespace ithaca::topology
