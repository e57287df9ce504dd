#include "plugin/shm/host_identity.h"

#include <sys/stat.h>

#include <fstream>

namespace ithaca {
namespace {

// FNV-1a; never 0.
uint64_t Hash(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char byte : text) hash = (hash ^ byte) * 1099511628211u;
  return hash == 0 ? 1 : hash;
}

}  // namespace

uint64_t HostIdentity(const std::string& host_id, const HostFiles& files) {
  if (!host_id.empty()) return Hash("NCCL_HOSTID " + host_id);
  std::string boot_id;
  std::getline(std::ifstream(files.boot_id), boot_id);
  struct stat network, shm;
  if (boot_id.empty() || stat(files.network.c_str(), &network) != 0 ||
      stat(files.shm.c_str(), &shm) != 0)
    return 0;
  return Hash(boot_id + " " + std::to_string(network.st_dev) + ":" +
              std::to_string(network.st_ino) + " " +
              std::to_string(shm.st_dev));
}

}  // namespace ithaca
