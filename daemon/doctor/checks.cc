#include "daemon/doctor/checks.h"

#include <iterator>

namespace ithaca::doctor {

Findings CheckAll(const Host& host) {
  constexpr Findings (*kChecks[])(const Host&) = {
      CheckRunDir, CheckSocket,          CheckStore,         CheckPlugin,
      CheckNccl,   CheckIthacaVariables, CheckNcclVariables, CheckRails,
      CheckLimits, CheckClock,           CheckKernel,        CheckCertificates,
  };
  Findings all;
  for (const auto check : kChecks) {
    Findings some = check(host);
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace ithaca::doctor
