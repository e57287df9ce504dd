#include <cstdio>

#include "absl/strings/str_cat.h"
#include "daemon/store/etcd/etcd_store.h"

namespace ithaca::store::etcd {
namespace {

struct Version {
  int major = 0, minor = 0, patch = 0;
};

bool IsFit(const Version& version) {
  if (version.major != 3) return version.major > 3;
  if (version.minor == 5) return version.patch >= 28;
  if (version.minor == 6) return version.patch >= 9;
  return version.minor > 6;
}

}  // namespace

std::string VersionWarning(const std::string& endpoint,
                           const std::string& version) {
  Version parsed;
  if (std::sscanf(version.c_str(), "%d.%d.%d", &parsed.major, &parsed.minor,
                  &parsed.patch) == 3 &&
      IsFit(parsed)) {
    return "";
  }
  return absl::StrCat(
      "etcd at ", endpoint, " is version ", version,
      "; versions before 3.5.28 and 3.6.9 can answer with stale data after a "
      "pause, end live leases, keep dead ones, or lose watch events: upgrade "
      "etcd before jobs depend on it");
}

}  // namespace ithaca::store::etcd
