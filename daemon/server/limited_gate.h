// The gate with a limit behind it: who may call (AccessGate), then how often
// (RateLimiter).
//
// Used by every service of the daemon. Threads: any.
#ifndef ITHACA_DAEMON_SERVER_LIMITED_GATE_H_
#define ITHACA_DAEMON_SERVER_LIMITED_GATE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/groups/gate.h"
#include "daemon/server/method_table.h"
#include "daemon/server/rate_limiter.h"

namespace ithaca::server {

class LimitedGate : public groups::Gate {
 public:
  // All must outlive the gate. `clock` gives monotonic milliseconds.
  LimitedGate(groups::Gate* gate, const MethodTable* methods,
              RateLimiter* limiter, std::function<int64_t()> clock)
      : gate_(gate),
        methods_(methods),
        limiter_(limiter),
        clock_(std::move(clock)) {}

  // As the gate; and RATE_LIMITED, with the fact "retry_after_ms", when the
  // caller's identity called too often. Refused callers are not charged: they
  // have no identity.
  groups::Result<groups::Caller> Admit(const grpc::ServerContextBase& context,
                                       const std::string& method) override;

  // The limit alone, for a caller whom the gate admitted.
  groups::Result<groups::Caller> Limit(groups::Caller caller,
                                       const std::string& method);

 private:
  groups::Gate* const gate_;
  const MethodTable* const methods_;
  RateLimiter* const limiter_;
  const std::function<int64_t()> clock_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_LIMITED_GATE_H_
