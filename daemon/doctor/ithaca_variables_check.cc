#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/doctor/checks.h"
#include "plugin/core/options.h"

namespace ithaca::doctor {

Findings CheckIthacaVariables(const Host& host) {
  Report report("ithaca variables");
  size_t count = 0;
  // One at a time, so that each mistake is told and not the first alone.
  for (const auto& [name, value] : host.environment) {
    if (!absl::StartsWith(name, "ITHACA_")) continue;
    ++count;
    const std::string entry = absl::StrCat(name, "=", value);
    const char* const environment[] = {entry.c_str(), nullptr};
    const auto options = ::ithaca::Options::FromEnvironment(environment);
    if (!options.ok()) {
      report.Fail(options.status().message(),
                  "correct or unset it: the plugin's init fails");
    }
  }
  if (!host.Env("ITHACA_RAILS").empty() &&
      !host.Env("NCCL_SOCKET_IFNAME").empty()) {
    report.Warn(
        "ITHACA_RAILS and NCCL_SOCKET_IFNAME are both set; the plugin "
        "takes the first, NCCL's bootstrap the second",
        "fine if that is meant; else unset one");
  }
  if (report.empty())
    report.Ok(count == 0 ? "none is set; the defaults hold"
                         : absl::StrCat(count, " set, all well-formed"));
  return report.Take();
}

}  // namespace ithaca::doctor
