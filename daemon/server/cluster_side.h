// What a daemon has more when it is one of a cluster: the identity that other
// daemons know it by, the port where they reach it, the forwarder that carries
// its users' calls to the coordinator, and, while it is the coordinator itself,
// the groups.
//
// Used by the composition root; told what to do by whoever decides who
// coordinates. Threads: Coordinate, StandDown and SetPlace from one at a time;
// the rest from any.
// Life: Start; register door() with the local server; Drain; shut that server
// down; then destroy.
#ifndef ITHACA_DAEMON_SERVER_CLUSTER_SIDE_H_
#define ITHACA_DAEMON_SERVER_CLUSTER_SIDE_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/cluster/forwarder.h"
#include "daemon/cluster/inner_gate.h"
#include "daemon/cluster/place.h"
#include "daemon/cluster/stream_fates.h"
#include "daemon/cluster/tls_identity.h"
#include "daemon/groups/gate.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/process_watch.h"
#include "daemon/server/groups_door.h"
#include "daemon/server/groups_host.h"
#include "daemon/server/log.h"
#include "daemon/server/peer_server.h"
#include "daemon/server/unserved_service.h"

namespace ithaca::server {

// How the operator joins a daemon to a cluster.
struct ClusterOptions {
  // HOST:PORT where other daemons reach it. Empty: it is alone.
  std::string listen;
  // What the others are told instead, when they see another address.
  std::string advertise;
  // Name of the node, unique in the cluster. Empty: the host's.
  std::string node;
  cluster::TlsPaths tls;
  // Names of daemons' certificates; empty: the default.
  std::vector<std::string> peer_names;
  // How long the store keeps this daemon's records after it was last heard, ms.
  // Only with a store that is shared.
  int64_t lease_ttl_ms = 2000;

  bool enabled() const { return !listen.empty(); }
};

// INVALID_ARGUMENT, naming the flag: something is missing, or makes no sense
// alone. Fills in the node's name.
absl::Status CheckClusterOptions(ClusterOptions* options);

class ClusterSide {
 public:
  struct Options {
    ClusterOptions cluster;
    cluster::PeerNames names;
    // All below must outlive this object. The gate for local users, limits and
    // all; and the one for connections of the port.
    groups::Gate* local_gate = nullptr;
    groups::Gate* peer_gate = nullptr;
    UnservedService* unserved = nullptr;
    // More that peers may call; each asks the gate.
    std::vector<grpc::Service*> peer_services;
    groups::ProcessWatch* processes = nullptr;
    Log* log = nullptr;
    uint32_t admin_uid = 0;
    int64_t patience_ms = 5000;
  };

  static absl::StatusOr<std::unique_ptr<ClusterSide>> Start(Options options);
  ~ClusterSide();

  // For the local server.
  grpc::CallbackGenericService* door() { return &local_door_; }
  // Where others reach this daemon.
  const std::string& address() const { return address_; }
  const std::string& node() const { return options_.cluster.node; }

  // Begins to hold the groups, and leads calls to them. `options` as for a
  // service of its own; its gate is replaced. On an error nothing has changed.
  absl::Status Coordinate(groups::GroupsService::Options options,
                          const cluster::Place& here);
  // Ceases to, and leads calls to `next`. Members stay members: they resume
  // there.
  void StandDown(const cluster::Place& next);
  // Leads calls elsewhere, when the groups are not here.
  void SetPlace(const cluster::Place& place) { forwarder_.SetPlace(place); }
  // The groups that are here; null: none are. Keep it no longer than a call.
  std::shared_ptr<GroupsHost> host() const;

  // To another daemon; nobody else is talked to.
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) const;

  // Ends what local users have open with DRAINING.
  void Drain();
  // Closes the port.
  void StopPeers(int64_t drain_ms);

 private:
  explicit ClusterSide(Options options);
  cluster::Forwarder::Options ForwarderOptions();
  std::shared_ptr<void> WatchProcess(const groups::Caller& caller,
                                     std::function<void()> on_exit);
  absl::Status Open();

  const Options options_;
  std::string address_;
  cluster::StreamFates fates_;
  cluster::InnerGate inner_gate_;
  std::unique_ptr<cluster::TlsIdentity> identity_;
  mutable std::mutex mutex_;
  // Shared with those who count what is in it.
  std::shared_ptr<GroupsHost> host_;  // guarded by mutex_
  cluster::Forwarder forwarder_;
  GroupsDoor local_door_;
  GroupsDoor peer_door_;
  std::unique_ptr<PeerServer> peers_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_CLUSTER_SIDE_H_
