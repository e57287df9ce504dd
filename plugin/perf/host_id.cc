#include "plugin/perf/host_id.h"

#include <unistd.h>

#include <fstream>

namespace ithaca::perf {
namespace {

std::string BootId() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

// "net:[4026531840]".
std::string NamespaceId(const char* kind) {
  const std::string path = std::string("/proc/self/ns/") + kind;
  char target[128];
  const ssize_t n = readlink(path.c_str(), target, sizeof(target));
  return std::string(target, n > 0 ? n : 0);
}

}  // namespace

std::string ClockId() { return BootId() + " " + NamespaceId("time"); }

std::string NetworkId() { return BootId() + " " + NamespaceId("net"); }

}  // namespace ithaca::perf
