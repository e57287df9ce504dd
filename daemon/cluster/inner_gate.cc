#include "daemon/cluster/inner_gate.h"

#include <grpcpp/server_context.h>

#include <cstdlib>

#include "daemon/cluster/caller_header.h"

namespace ithaca::cluster {
namespace {

// The only value of this name; empty: there is none, or more than one.
std::string Only(const grpc::ServerContextBase& context, const char* name) {
  const auto [first, last] = context.client_metadata().equal_range(name);
  if (first == last || std::next(first) != last) return "";
  return std::string(first->second.data(), first->second.size());
}

}  // namespace

groups::Result<groups::Caller> InnerGate::Admit(
    const grpc::ServerContextBase& context, const std::string& method) {
  const auto caller = ParseCaller(Only(context, kCallerHeader));
  if (!caller.has_value()) {
    return groups::Refusal{absl::StatusCode::kPermissionDenied,
                           "NOT_ALLOWED",
                           method + " came without a caller",
                           "",
                           {}};
  }
  groups::Caller who;
  who.uid = caller->uid;
  who.gid = caller->gid;
  who.pid = caller->pid;
  who.node = caller->node;
  who.admin = caller->uid == 0 || caller->uid == admin_uid_;
  return who;
}

groups::StreamFate InnerGate::WhyEnded(const grpc::ServerContextBase& context) {
  return fates_->Take(
      std::strtoull(Only(context, kStreamHeader).c_str(), nullptr, 10));
}

}  // namespace ithaca::cluster
