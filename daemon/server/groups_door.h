// What a server of a clustered daemon does with calls for the groups: the gate
// first, then the forwarder. Every other method gets the answer of
// UnservedService.
//
// Registered as the generic service of the local server and of the one for
// peers. Threads: any; immutable.
#ifndef ITHACA_DAEMON_SERVER_GROUPS_DOOR_H_
#define ITHACA_DAEMON_SERVER_GROUPS_DOOR_H_

#include <grpcpp/generic/async_generic_service.h>

#include "daemon/cluster/forwarder.h"
#include "daemon/groups/gate.h"
#include "daemon/server/unserved_service.h"

namespace ithaca::server {

class GroupsDoor : public grpc::CallbackGenericService {
 public:
  // All must outlive the door. `for_daemons`: those who call are other daemons.
  GroupsDoor(groups::Gate* gate, cluster::Forwarder* forwarder,
             UnservedService* unserved, bool for_daemons)
      : gate_(gate),
        forwarder_(forwarder),
        unserved_(unserved),
        for_daemons_(for_daemons) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  groups::Gate* const gate_;
  cluster::Forwarder* const forwarder_;
  UnservedService* const unserved_;
  const bool for_daemons_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GROUPS_DOOR_H_
