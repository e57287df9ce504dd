#include "daemon/server/limited_gate.h"

#include <grpcpp/server_context.h>

#include "absl/strings/str_cat.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::server {

using groups::Caller;
using groups::Refusal;
using groups::Result;

Result<Caller> LimitedGate::Admit(const grpc::ServerContextBase& context,
                                  const std::string& method) {
  Result<Caller> caller = gate_->Admit(context, method);
  if (!caller.ok()) return caller;
  return Limit(std::move(caller.value()), method);
}

Result<Caller> LimitedGate::Limit(Caller caller, const std::string& method) {
  const auto rule = methods_->find(method);
  const Cost cost = rule == methods_->end() ? Cost::kCheap : rule->second.cost;
  const std::string identity =
      caller.node.empty()
          ? absl::StrCat("uid ", caller.uid)
          : absl::StrCat("uid ", caller.uid, " of node ", caller.node);
  const auto wait_ms = limiter_->Take(identity, cost, clock_());
  if (!wait_ms.has_value()) return caller;
  return Refusal{
      absl::StatusCode::kResourceExhausted,
      "RATE_LIMITED",
      absl::StrCat(identity, " makes more calls like ", method,
                   " than its share allows"),
      absl::StrCat("wait ", *wait_ms,
                   " ms; if that is too few for a job of this size, raise "
                   "ithacad's --rate_limits"),
      {{groups::kRetryAfterMs, absl::StrCat(*wait_ms)}}};
}

}  // namespace ithaca::server
