// TopologyService behind the gate.
//
// Registered by the composition root. Threads: gRPC's, bounded by the server's
// options.
#ifndef ITHACA_DAEMON_SERVER_GATED_TOPOLOGY_H_
#define ITHACA_DAEMON_SERVER_GATED_TOPOLOGY_H_

#include "daemon/groups/gate.h"
#include "daemon/topology/known_topology.h"
#include "ithaca/topology/v1/topology.grpc.pb.h"

namespace ithaca::server {

class GatedTopology final : public topology::v1::TopologyService::Service {
 public:
  // Both must outlive the service.
  GatedTopology(groups::Gate* gate, topology::KnownTopology* known)
      : gate_(gate), known_(known) {}

  grpc::Status GetTopology(
      grpc::ServerContext* context,
      const topology::v1::GetTopologyRequest* request,
      topology::v1::GetTopologyResponse* response) override;

 private:
  groups::Gate* const gate_;
  topology::KnownTopology* const known_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GATED_TOPOLOGY_H_
