// Who may call what: the peer's credentials against the table of methods.
//
// Used by every service of the daemon. Threads: any; immutable.
#ifndef ITHACA_DAEMON_SERVER_ACCESS_GATE_H_
#define ITHACA_DAEMON_SERVER_ACCESS_GATE_H_

#include <string>

#include "daemon/groups/gate.h"
#include "daemon/server/fd_owners.h"
#include "daemon/server/method_table.h"

namespace ithaca::server {

class AccessGate : public groups::Gate {
 public:
  // Both must outlive the gate. `admin_uid` (the daemon's) and root are
  // administrators.
  AccessGate(const FdOwners* owners, const MethodTable* methods,
             uint32_t admin_uid)
      : owners_(owners), methods_(methods), admin_uid_(admin_uid) {}

  // NOT_ALLOWED when the table has no such method for users, or the peer is
  // unknown.
  groups::Result<groups::Caller> Admit(const grpc::ServerContextBase& context,
                                       const std::string& method) override;

  // The decision alone; `peer` is gRPC's name of the connection.
  groups::Result<groups::Caller> Decide(const std::string& peer,
                                        const std::string& method) const;

 private:
  const FdOwners* const owners_;
  const MethodTable* const methods_;
  const uint32_t admin_uid_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_ACCESS_GATE_H_
