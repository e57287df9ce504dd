// The daemon's TCP side: mutual TLS, for other daemons.
//
// Connections are accepted here and not by gRPC, whose accept loop ends for
// good when descriptors run out (CVE-2023-4785), and only those that begin with
// a TLS ClientHello in time are handed to it. It has a server of its own, with
// nothing on it but what peers may call, and memory and limits of its own:
// whatever happens here, the Unix socket does not notice.
//
// Used by ClusterSide. Threads: the door's and gRPC's. Life: Start to Stop.
#ifndef ITHACA_DAEMON_SERVER_PEER_SERVER_H_
#define ITHACA_DAEMON_SERVER_PEER_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/server/front_door.h"
#include "daemon/server/log.h"
#include "daemon/server/tcp_listener.h"

namespace ithaca::server {

class PeerServer {
 public:
  struct Options {
    // HOST:PORT.
    std::string listen;
    std::shared_ptr<grpc::ServerCredentials> credentials;
    // All must outlive the server, and ask the gate.
    grpc::CallbackGenericService* generic = nullptr;
    std::vector<grpc::Service*> services;
    Log* log = nullptr;
    // How long a peer may take to begin, and then to shake hands, ms.
    int64_t patience_ms = 5000;
    size_t max_connections = 8192;
    // From one address.
    size_t max_connections_per_address = 1024;
  };

  static absl::StatusOr<std::unique_ptr<PeerServer>> Start(Options options);
  ~PeerServer() { Stop(0); }

  // Where it listens, HOST:PORT with the port that it really has.
  const std::string& address() const { return listener_->address(); }

  // No connection is taken any more; calls have `drain_ms` to end.
  void Stop(int64_t drain_ms);

 private:
  PeerServer() = default;
  absl::Status StartServer(const Options& options);
  absl::Status OpenDoor(const Options& options);

  std::unique_ptr<TcpListener> listener_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<FrontDoor> door_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_PEER_SERVER_H_
