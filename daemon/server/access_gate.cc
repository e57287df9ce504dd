#include "daemon/server/access_gate.h"

#include <grpcpp/server_context.h>

#include "absl/strings/str_cat.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/peer_credentials.h"

namespace ithaca::server {

using groups::Caller;
using groups::Refusal;
using groups::Result;

namespace {

Refusal No(std::string sentence, std::string next_step) {
  return Refusal{absl::StatusCode::kPermissionDenied,
                 "NOT_ALLOWED",
                 std::move(sentence),
                 std::move(next_step),
                 {}};
}

}  // namespace

Result<Caller> AccessGate::Admit(const grpc::ServerContextBase& context,
                                 const std::string& method) {
  Call call{context.peer()};
  call.certificate = cluster::IdentityOf(*context.auth_context());
  const auto [first, last] =
      context.client_metadata().equal_range(cluster::kCallerHeader);
  for (auto it = first; it != last; ++it)
    call.on_behalf_of.emplace_back(it->second.data(), it->second.size());
  return Decide(call, method);
}

Result<Caller> AccessGate::Decide(const Call& call,
                                  const std::string& method) const {
  const auto rule = methods_->find(method);
  const bool open =
      rule != methods_->end() && (rule->second.access == Access::kAnyUser ||
                                  rule->second.access == Access::kAdmin ||
                                  rule->second.access == Access::kDaemon);
  if (!open) return No(method + " is not open to anybody", "");
  return call.certificate.has_value()
             ? DecideDaemon(call, rule->second, method)
             : DecideUser(call, rule->second.access, method);
}

Result<Caller> AccessGate::DecideUser(const Call& call, Access access,
                                      const std::string& method) const {
  const std::optional<Peer> owner = owners_->Find(call.peer);
  if (!owner.has_value()) {
    return No("the daemon does not know who is behind this connection",
              "connect through its Unix socket");
  }
  if (access == Access::kDaemon)
    return No(method + " is for other daemons of the cluster", "");
  if (!call.on_behalf_of.empty()) {
    return No("only daemons call on behalf of others (ithaca-caller)",
              "leave that metadata out: the kernel says who you are");
  }
  Caller caller{owner->uid, owner->gid, static_cast<uint32_t>(owner->pid),
                owner->uid == 0 || owner->uid == admin_uid_};
  caller.process_started = owner->started;
  if (access == Access::kAdmin && !caller.admin) {
    return No(method + " is for root and the daemon's own user",
              "call it as one of them");
  }
  return caller;
}

Result<Caller> AccessGate::DecideDaemon(const Call& call,
                                        const MethodRule& rule,
                                        const std::string& method) const {
  if (!daemons_.Allows(*call.certificate)) {
    return No(absl::StrCat("the certificate names ",
                           call.certificate->Describe(), ", and only daemons (",
                           daemons_.Describe(), ") may call this port"),
              "call the daemon of your own node through its Unix socket; if "
              "this is a daemon, name its certificate with --peer_names");
  }
  if (rule.access == Access::kDaemon && call.on_behalf_of.empty())
    return Caller{};
  if (!rule.through_daemons) {
    return No(method + " is answered by the daemon of the caller's own node",
              "");
  }
  const auto user = call.on_behalf_of.size() == 1
                        ? cluster::ParseCaller(call.on_behalf_of.front())
                        : std::nullopt;
  if (!user.has_value()) {
    return No(
        "a daemon's call for a user needs one ithaca-caller, "
        "UID,GID,PID,NODE",
        "see whether both daemons are of the same version");
  }
  Caller caller{user->uid, user->gid, user->pid,
                user->uid == 0 || user->uid == admin_uid_};
  caller.node = user->node;
  return caller;
}

}  // namespace ithaca::server
