// A thin client of the node's daemon.
//
//   auto client = Client::Connect({});
//   auto plan = (*client)->Plan(request);
//   (*client)->CreateGroup(...);                    // every rank may call it
//   auto member = (*client)->JoinGroup(...);        // membership.h
//
// Used by ithacactl, the demo and C++ programs. Threads: every method from any;
// they block until answered or until their deadline. Life: a client outlives
// its memberships.
//
// Errors of all calls: the daemon's own refusals with its code and the message
// "REASON_CODE: what is wrong; what to do" (ReasonOf gives the code alone);
// UNAVAILABLE without a reason when the daemon cannot be reached.
#ifndef ITHACA_DAEMON_CLIENTS_CC_CLIENT_H_
#define ITHACA_DAEMON_CLIENTS_CC_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/clients/cc/membership.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "ithaca/planner/v1/planner.grpc.pb.h"

namespace ithaca::client {

struct ConnectOptions {
  // Empty: ClientSocket().
  std::string socket;
  // How long a call may take, and how long connecting may, ms.
  int64_t timeout_ms = 10'000;
};

class Client {
 public:
  // UNAVAILABLE, with the path and the remedy, when nobody answers there.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const ConnectOptions& options);

  absl::StatusOr<planner::v1::PlanResponse> Plan(
      const planner::v1::PlanRequest& request);
  absl::StatusOr<groups::v1::CreateGroupResponse> CreateGroup(
      const groups::v1::CreateGroupRequest& request);
  absl::StatusOr<groups::v1::Group> GetGroup(const std::string& group_id,
                                             bool include_plan);
  // All pages.
  absl::StatusOr<std::vector<groups::v1::Group>> ListGroups();
  absl::StatusOr<groups::v1::Group> GetGroup(
      const groups::v1::GetGroupRequest& request);
  // Why a group is as it is, and what it waits for.
  absl::StatusOr<groups::v1::ExplainGroupResponse> ExplainGroup(
      const groups::v1::ExplainGroupRequest& request);
  // Another plan, for those who remain or for nodes that have come.
  absl::StatusOr<groups::v1::ReplanGroupResponse> ReplanGroup(
      const groups::v1::ReplanGroupRequest& request);
  absl::Status DeleteGroup(const std::string& group_id, bool force);

  // Takes a slot; see Membership.
  absl::StatusOr<std::unique_ptr<Membership>> JoinGroup(
      const groups::v1::JoinGroupRequest& request);

  const std::string& socket() const { return socket_; }
  // For services that this class does not cover.
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

 private:
  Client(std::string socket, int64_t timeout_ms,
         std::shared_ptr<grpc::Channel> channel);
  // Makes the call until the client's time is over; see CallPatiently.
  absl::Status Ask(
      const std::function<grpc::Status(grpc::ClientContext*)>& call) const;

  const std::string socket_;
  const int64_t timeout_ms_;
  // Shared with gRPC's calls and the memberships.
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<planner::v1::PlannerService::Stub> planner_;
  const std::unique_ptr<groups::v1::GroupsService::Stub> groups_;
};

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_CLIENT_H_
