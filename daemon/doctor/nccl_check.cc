#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

// Of NCCL_VERSION_CODE: until 2.8 major*1000 + minor*100 + patch, then with
// 10000 for the major number.
constexpr int kOldest = 21800;
constexpr int kNewest = 23199;

std::string Name(int code) {
  return absl::StrFormat("%d.%d.%d", code / 10000, code / 100 % 100,
                         code % 100);
}

}  // namespace

Findings CheckNccl(const Host& host) {
  Report report("nccl");
  const Library nccl =
      host.load("libnccl.so.2", SplitFolders(host.Env("LD_LIBRARY_PATH")), {});
  if (!nccl.error.empty()) {
    report.Warn("libnccl.so.2 was not found here: " + nccl.error,
                "fine if the framework brings its own (PyTorch's wheels do: "
                "torch.cuda.nccl.version()); else install it");
  } else if (!nccl.nccl_version.has_value()) {
    report.Fail(nccl.path + " does not tell its version",
                "it is not NCCL: correct LD_LIBRARY_PATH");
  } else if (*nccl.nccl_version < kOldest) {
    report.Fail(absl::StrCat("NCCL ", Name(*nccl.nccl_version),
                             " is older than 2.18, the oldest that the plugin "
                             "serves"),
                "upgrade NCCL");
  } else if (*nccl.nccl_version > kNewest) {
    report.Warn(absl::StrCat("NCCL ", Name(*nccl.nccl_version),
                             " is newer than what the plugin was tested with"),
                "upgrade ithaca; NCCL takes older plugin tables meanwhile");
  } else {
    report.Ok(absl::StrCat("NCCL ", Name(*nccl.nccl_version), ", ", nccl.path));
  }
  return report.Take();
}

}  // namespace ithaca::doctor
