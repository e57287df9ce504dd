#include "daemon/clients/cc/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/clients/cc/patience.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/clients/cc/socket_path.h"

namespace ithaca::client {
namespace {

namespace groups_v1 = groups::v1;

// A plan for a thousand ranks is large.
constexpr int kMaxMessageBytes = 64 << 20;

absl::Status Unreachable(const std::string& socket, const std::string& cause) {
  return absl::UnavailableError(absl::StrCat(
      "no ithacad answers at ", socket, ": ", cause,
      "; start it with `ithacad`, or set ITHACA_RUN_DIR to its run directory"));
}

// gRPC's own message for a missing socket names neither the path nor the cause.
absl::Status TryConnect(const std::string& socket_path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return absl::ResourceExhaustedError("no descriptor is left for a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(),
               sizeof address.sun_path - 1);
  const int result =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus()
                     : Unreachable(socket_path, std::strerror(error));
}

}  // namespace

Client::Client(std::string socket, int64_t timeout_ms,
               std::shared_ptr<grpc::Channel> channel)
    : socket_(std::move(socket)),
      timeout_ms_(timeout_ms),
      channel_(std::move(channel)),
      planner_(planner::v1::PlannerService::NewStub(channel_)),
      groups_(groups_v1::GroupsService::NewStub(channel_)) {}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const ConnectOptions& options) {
  std::string socket = options.socket;
  if (socket.empty()) {
    const absl::StatusOr<std::string> found = ClientSocket();
    if (!found.ok()) return found.status();
    socket = *found;
  }
  if (absl::Status status = TryConnect(socket); !status.ok()) return status;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A connection of its own: what goes wrong on another client's is not ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A daemon that was restarted is found again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  auto channel = grpc::CreateCustomChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
  const auto deadline = std::chrono::system_clock::now() +
                        std::chrono::milliseconds(options.timeout_ms);
  if (!channel->WaitForConnected(deadline)) {
    return Unreachable(socket, "it does not speak gRPC");
  }
  return std::unique_ptr<Client>(
      new Client(std::move(socket), options.timeout_ms, std::move(channel)));
}

absl::Status Client::Ask(
    const std::function<grpc::Status(grpc::ClientContext*)>& call) const {
  return FromRpc(CallPatiently(
      std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms_),
      call));
}

absl::StatusOr<planner::v1::PlanResponse> Client::Plan(
    const planner::v1::PlanRequest& request) {
  planner::v1::PlanResponse response;
  const absl::Status status = Ask([&](grpc::ClientContext* context) {
    return planner_->Plan(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<groups_v1::CreateGroupResponse> Client::CreateGroup(
    const groups_v1::CreateGroupRequest& request) {
  groups_v1::CreateGroupResponse response;
  const absl::Status status = Ask([&](grpc::ClientContext* context) {
    return groups_->CreateGroup(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<groups_v1::Group> Client::GetGroup(const std::string& group_id,
                                                  bool include_plan) {
  groups_v1::GetGroupRequest request;
  request.set_group_id(group_id);
  request.set_include_plan(include_plan);
  return GetGroup(request);
}

absl::StatusOr<groups_v1::Group> Client::GetGroup(
    const groups_v1::GetGroupRequest& request) {
  groups_v1::GetGroupResponse response;
  const absl::Status status = Ask([&](grpc::ClientContext* context) {
    return groups_->GetGroup(context, request, &response);
  });
  if (!status.ok()) return status;
  return std::move(*response.mutable_group());
}

absl::StatusOr<groups_v1::ExplainGroupResponse> Client::ExplainGroup(
    const groups_v1::ExplainGroupRequest& request) {
  groups_v1::ExplainGroupResponse response;
  const absl::Status status = Ask([&](grpc::ClientContext* context) {
    return groups_->ExplainGroup(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<groups_v1::ReplanGroupResponse> Client::ReplanGroup(
    const groups_v1::ReplanGroupRequest& request) {
  groups_v1::ReplanGroupResponse response;
  const absl::Status status = Ask([&](grpc::ClientContext* context) {
    return groups_->ReplanGroup(context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<std::vector<groups_v1::Group>> Client::ListGroups() {
  std::vector<groups_v1::Group> all;
  groups_v1::ListGroupsRequest request;
  do {
    groups_v1::ListGroupsResponse response;
    const absl::Status status = Ask([&](grpc::ClientContext* context) {
      return groups_->ListGroups(context, request, &response);
    });
    if (!status.ok()) return status;
    for (auto& group : *response.mutable_groups())
      all.push_back(std::move(group));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::Status Client::DeleteGroup(const std::string& group_id, bool force) {
  groups_v1::DeleteGroupRequest request;
  request.set_group_id(group_id);
  request.set_force(force);
  groups_v1::DeleteGroupResponse response;
  return Ask([&](grpc::ClientContext* context) {
    return groups_->DeleteGroup(context, request, &response);
  });
}

absl::StatusOr<std::unique_ptr<Membership>> Client::JoinGroup(
    const groups_v1::JoinGroupRequest& request) {
  return Membership::Join(channel_, request, timeout_ms_);
}

}  // namespace ithaca::client
