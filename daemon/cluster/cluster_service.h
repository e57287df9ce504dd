// ithaca.cluster.v1.ClusterService over gRPC's callback API: takes heartbeats
// while this daemon coordinates, and says how the cluster is.
//
// Registered by ithacad, also by one that is alone. Threads: handlers run on
// gRPC's; nothing blocks. Life: outlives the server.
#ifndef ITHACA_DAEMON_CLUSTER_CLUSTER_SERVICE_H_
#define ITHACA_DAEMON_CLUSTER_CLUSTER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "daemon/cluster/place.h"
#include "daemon/groups/gate.h"
#include "ithaca/cluster/v1/cluster.grpc.pb.h"

namespace ithaca::cluster {

// What the service asks. Implemented by Coordinator. Threads: any; never
// blocks.
class ClusterDesk {
 public:
  virtual ~ClusterDesk() = default;
  struct Hearing {
    // Where the coordinator is; kHere: the heartbeat counts.
    Place place;
    // That life of the sender is dead; the latest one that was heard of.
    bool dead = false;
    uint64_t latest = 0;
  };
  virtual Hearing Hear(const v1::HeartbeatRequest& heartbeat) = 0;
  // As far as this daemon knows by itself.
  virtual v1::GetClusterResponse Describe() = 0;
  virtual Place place() = 0;
  // To the daemon at this address; null: there is no way.
  virtual std::shared_ptr<grpc::Channel> ChannelTo(
      const std::string& address) = 0;
};

class ClusterService final : public v1::ClusterService::CallbackService {
 public:
  // `gate` must outlive the service.
  explicit ClusterService(groups::Gate* gate);
  ~ClusterService() override;

  // Who answers, and must outlive the calls; before that, the daemon is alone.
  void SetDesk(ClusterDesk* desk) { desk_ = desk; }

  grpc::ServerBidiReactor<v1::HeartbeatRequest, v1::HeartbeatResponse>*
  Heartbeat(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetCluster(
      grpc::CallbackServerContext* context,
      const v1::GetClusterRequest* request,
      v1::GetClusterResponse* response) override;

  // Ends the streams of heartbeats, and lets none begin.
  void Drain() { draining_ = true; }

 private:
  groups::Gate* const gate_;
  std::atomic<ClusterDesk*> desk_{nullptr};
  std::atomic<bool> draining_{false};
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_CLUSTER_SERVICE_H_
