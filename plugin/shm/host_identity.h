// Which host this process is on, as one number that ranks compare.
//
// NCCL's rule: NCCL_HOSTID when it is set; else boot id, network namespace and
// the mount behind /dev/shm together. Equal numbers mean that sharing memory is
// worth a try, not that it works. Pure but for the files it reads.
#ifndef ITHACA_PLUGIN_SHM_HOST_IDENTITY_H_
#define ITHACA_PLUGIN_SHM_HOST_IDENTITY_H_

#include <cstdint>
#include <string>

namespace ithaca {

struct HostFiles {
  std::string boot_id = "/proc/sys/kernel/random/boot_id";
  std::string network = "/proc/self/ns/net";
  std::string shm = "/dev/shm";
};

// `host_id`: NCCL_HOSTID, empty = unset. 0 when the host cannot be told, which
// equals nothing.
uint64_t HostIdentity(const std::string& host_id, const HostFiles& files = {});

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_HOST_IDENTITY_H_
