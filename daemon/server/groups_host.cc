#include "daemon/server/groups_host.h"

#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "daemon/server/server_limits.h"

namespace ithaca::server {

absl::StatusOr<std::unique_ptr<GroupsHost>> GroupsHost::Start(
    groups::GroupsService::Options options) {
  std::unique_ptr<GroupsHost> host(new GroupsHost());
  auto groups = groups::GroupsService::Start(std::move(options));
  if (!groups.ok()) return groups.status();
  host->groups_ = std::move(*groups);
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<NothingBuiltIn>());
  // A message that came in fits here too.
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(host->groups_.get());
  host->server_ = builder.BuildAndStart();
  if (host->server_ == nullptr)
    return absl::InternalError("gRPC did not start; see its log above");
  host->channel_ = host->server_->InProcessChannel(grpc::ChannelArguments());
  return host;
}

GroupsHost::~GroupsHost() {
  if (groups_ != nullptr) groups_->Drain();
  channel_.reset();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  server_.reset();
}

}  // namespace ithaca::server
