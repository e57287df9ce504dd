#include "daemon/server/groups_door.h"

#include "absl/strings/match.h"
#include "daemon/groups/refused_call.h"

namespace ithaca::server {
namespace {

constexpr char kGroups[] = "/ithaca.groups.v1.GroupsService/";

}  // namespace

grpc::ServerGenericBidiReactor* GroupsDoor::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const bool groups = absl::StartsWith(context->method(), kGroups);
  // To other daemons nothing is said of what there is.
  if (!groups && !for_daemons_) return unserved_->CreateReactor(context);
  const auto caller = gate_->Admit(*context, context->method());
  if (!caller.ok()) return new groups::RefusedCall(caller.refusal());
  if (!groups) return unserved_->CreateReactor(context);
  return forwarder_->Forward(context, caller.value(), for_daemons_);
}

}  // namespace ithaca::server
