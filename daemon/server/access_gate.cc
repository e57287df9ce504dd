#include "daemon/server/access_gate.h"

#include <grpcpp/server_context.h>

namespace ithaca::server {

using groups::Caller;
using groups::Refusal;
using groups::Result;

Result<Caller> AccessGate::Admit(const grpc::ServerContextBase& context,
                                 const std::string& method) {
  return Decide(context.peer(), method);
}

Result<Caller> AccessGate::Decide(const std::string& peer,
                                  const std::string& method) const {
  const auto rule = methods_->find(method);
  if (rule == methods_->end() || rule->second.access != Access::kAnyUser) {
    return Refusal{absl::StatusCode::kPermissionDenied,
                   "NOT_ALLOWED",
                   method + " is not open to anybody",
                   "",
                   {}};
  }
  const std::optional<Peer> owner = owners_->Find(peer);
  if (!owner.has_value()) {
    return Refusal{absl::StatusCode::kPermissionDenied,
                   "NOT_ALLOWED",
                   "the daemon does not know who is behind this connection",
                   "connect through its Unix socket",
                   {}};
  }
  return Caller{owner->uid, owner->gid, static_cast<uint32_t>(owner->pid),
                owner->uid == 0 || owner->uid == admin_uid_};
}

}  // namespace ithaca::server
