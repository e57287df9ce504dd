// The groups of a cluster, while this daemon coordinates them: GroupsService on
// a server of its own that only this process reaches.
//
// Made when a daemon begins to coordinate, and destroyed when it ceases to, as
// services cannot be taken off a server that runs. Used by ClusterSide.
// Threads: Start and the destructor from one; channel from any. Life: the
// forwarder must send nothing here any more when it is destroyed.
#ifndef ITHACA_DAEMON_SERVER_GROUPS_HOST_H_
#define ITHACA_DAEMON_SERVER_GROUPS_HOST_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/groups/groups_service.h"

namespace ithaca::server {

class GroupsHost {
 public:
  // Errors as GroupsService::Start. options.gate is a cluster::InnerGate.
  static absl::StatusOr<std::unique_ptr<GroupsHost>> Start(
      groups::GroupsService::Options options);
  ~GroupsHost();

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  groups::GroupsService* service() { return groups_.get(); }

 private:
  GroupsHost() = default;

  std::unique_ptr<groups::GroupsService> groups_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GROUPS_HOST_H_
