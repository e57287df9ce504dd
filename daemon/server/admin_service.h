// AdminService: what only the node's administrators may ask.
//
// Registered by the composition root. Threads: gRPC's, bounded by the server's
// options; a backup holds one for as long as its client reads.
#ifndef ITHACA_DAEMON_SERVER_ADMIN_SERVICE_H_
#define ITHACA_DAEMON_SERVER_ADMIN_SERVICE_H_

#include <string>

#include "daemon/groups/gate.h"
#include "daemon/store/store.h"
#include "ithaca/admin/v1/admin.grpc.pb.h"

namespace ithaca::server {

class AdminService final : public admin::v1::AdminService::Service {
 public:
  // Both must outlive the service. Backups are made in `folder`, which must be
  // private, before they are sent.
  AdminService(groups::Gate* gate, store::Store* store, std::string folder)
      : gate_(gate), store_(store), folder_(std::move(folder)) {}

  grpc::Status BackupStore(
      grpc::ServerContext* context,
      const admin::v1::BackupStoreRequest* request,
      grpc::ServerWriter<admin::v1::BackupStoreResponse>* writer) override;

 private:
  grpc::Status Send(const std::string& path,
                    grpc::ServerWriter<admin::v1::BackupStoreResponse>* writer);

  groups::Gate* const gate_;
  store::Store* const store_;
  const std::string folder_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_ADMIN_SERVICE_H_
