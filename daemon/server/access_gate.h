// Who may call what: who is at the other end, against the table of methods.
//
// There are three kinds of peers. A local user is behind a connection of the
// Unix socket, as the kernel says. A daemon is behind a TLS connection whose
// certificate has an allowed name; on behalf of a user of its node it sends
// "ithaca-caller" (cluster/caller_header.h), which is believed from daemons and
// refused from everybody else. Anybody else with a certificate may call
// nothing.
//
//   the table says   local user   daemon                          other
//   kAnyUser         yes          for a user, if through_daemons  no
//   kAdmin           if an admin  no                              no
//   kDaemon          no           yes                             no
//   anything else    no           no                              no
//
// Used by every service of the daemon. Threads: any; immutable.
#ifndef ITHACA_DAEMON_SERVER_ACCESS_GATE_H_
#define ITHACA_DAEMON_SERVER_ACCESS_GATE_H_

#include <optional>
#include <string>
#include <vector>

#include "daemon/cluster/peer_names.h"
#include "daemon/groups/gate.h"
#include "daemon/server/fd_owners.h"
#include "daemon/server/method_table.h"

namespace ithaca::server {

class AccessGate : public groups::Gate {
 public:
  // What is known of a call before it is let in.
  struct Call {
    // gRPC's name of the connection.
    std::string peer;
    // The verified certificate's; nothing: the connection has none.
    std::optional<cluster::PeerIdentity> certificate = {};
    // Values of "ithaca-caller".
    std::vector<std::string> on_behalf_of = {};
  };

  // Both must outlive the gate. `admin_uid` (the daemon's) and root are
  // administrators; a user's number means the same on all nodes of a cluster.
  AccessGate(const FdOwners* owners, const MethodTable* methods,
             uint32_t admin_uid, cluster::PeerNames daemons = {})
      : owners_(owners),
        methods_(methods),
        admin_uid_(admin_uid),
        daemons_(std::move(daemons)) {}

  // NOT_ALLOWED, saying why, for whatever the table above does not allow.
  groups::Result<groups::Caller> Admit(const grpc::ServerContextBase& context,
                                       const std::string& method) override;

  // The decision alone.
  groups::Result<groups::Caller> Decide(const Call& call,
                                        const std::string& method) const;

 private:
  groups::Result<groups::Caller> DecideUser(const Call& call, Access access,
                                            const std::string& method) const;
  groups::Result<groups::Caller> DecideDaemon(const Call& call,
                                              const MethodRule& rule,
                                              const std::string& method) const;

  const FdOwners* const owners_;
  const MethodTable* const methods_;
  const uint32_t admin_uid_;
  const cluster::PeerNames daemons_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_ACCESS_GATE_H_
