#include "daemon/server/peer_server.h"

#include <grpcpp/resource_quota.h>

#include <chrono>
#include <utility>

#include "daemon/server/server_limits.h"

namespace ithaca::server {
namespace {

constexpr size_t kMemoryBytes = size_t{1} << 30;
// Connections are made anew now and then, with the certificate of then; streams
// that are open stay where they are.
constexpr int kMaxConnectionAgeMs = 3600'000;

}  // namespace

absl::StatusOr<std::unique_ptr<PeerServer>> PeerServer::Start(Options options) {
  std::unique_ptr<PeerServer> peers(new PeerServer());
  auto listener = TcpListener::Bind("--listen", options.listen);
  if (!listener.ok()) return listener.status();
  peers->listener_ = std::move(*listener);
  absl::Status status = peers->StartServer(options);
  if (status.ok()) status = peers->OpenDoor(options);
  if (!status.ok()) return status;
  return peers;
}

absl::Status PeerServer::StartServer(const Options& options) {
  grpc::ResourceQuota quota("peers");
  quota.Resize(kMemoryBytes);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  SetServerLimits(&builder);
  builder.SetOption(std::make_unique<NothingBuiltIn>());
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(options.patience_ms));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             kMaxConnectionAgeMs);
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, options.credentials);
  for (grpc::Service* service : options.services)
    builder.RegisterService(service);
  builder.RegisterCallbackGenericService(options.generic);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr)
    return absl::InternalError("gRPC did not start; see its log above");
  return absl::OkStatus();
}

absl::Status PeerServer::OpenDoor(const Options& options) {
  FrontDoor::Options door;
  door.listener = listener_->fd();
  door.log = options.log;
  door.greet = GreetRemote;
  door.judge = JudgeClientHello;
  door.language = "TLS";
  door.admit = [this](int fd, const Guest&) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
        connection;
    connection.listener_fd = listener_->fd();
    connection.fd = fd;
    acceptor_->HandleNewConnection(&connection);
    return true;
  };
  door.patience_ms = options.patience_ms;
  door.max_connections = options.max_connections;
  door.max_connections_per_guest = options.max_connections_per_address;
  auto opened = FrontDoor::Start(std::move(door));
  if (!opened.ok()) return opened.status();
  door_ = std::move(*opened);
  return absl::OkStatus();
}

void PeerServer::Stop(int64_t drain_ms) {
  if (door_ != nullptr) door_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(drain_ms));
    server_->Wait();
  }
  door_.reset();
  server_.reset();
}

}  // namespace ithaca::server
