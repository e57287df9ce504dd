#include "daemon/server/gated_topology.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::server {

grpc::Status GatedTopology::GetTopology(
    grpc::ServerContext* context,
    const topology::v1::GetTopologyRequest* request,
    topology::v1::GetTopologyResponse* response) {
  const auto caller =
      gate_->Admit(*context, "/ithaca.topology.v1.TopologyService/GetTopology");
  if (!caller.ok()) return groups::ToRpcStatus(caller.refusal());
  if (request->refresh()) {
    const absl::Status status = known_->Refresh();
    if (!status.ok()) {
      return groups::ToRpcStatus(groups::ToRefusal(
          absl::InternalError(absl::StrCat("the topology was not refreshed: ",
                                           status.message())),
          "REFRESH_FAILED",
          "mend the file; what was known before still holds"));
    }
  }
  *response = *known_->Get();
  return grpc::Status::OK;
}

}  // namespace ithaca::server
