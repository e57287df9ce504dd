// A call of any kind, taken as bytes, that is refused and goes nowhere.
//
// Used by generic services. Threads: gRPC's. Life: deletes itself.
#ifndef ITHACA_DAEMON_GROUPS_REFUSED_CALL_H_
#define ITHACA_DAEMON_GROUPS_REFUSED_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include "daemon/groups/refusal.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {

class RefusedCall : public grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(const Refusal& refusal) { Finish(ToRpcStatus(refusal)); }
  void OnDone() override { delete this; }
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_REFUSED_CALL_H_
