// Who may call what. Every handler asks first; without an answer it cannot go
// on, because the group machine takes a Caller.
//
// Implemented by daemon/server (peer credentials and a table of all methods).
// Threads: any.
#ifndef ITHACA_DAEMON_GROUPS_GATE_H_
#define ITHACA_DAEMON_GROUPS_GATE_H_

#include <grpcpp/impl/codegen/server_context.h>

#include <string>

#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

// Why a stream was cancelled.
enum class StreamFate {
  // By its client, or with the client's connection.
  kBroken,
  // The client's process ended.
  kProcessExited,
  // With the connection to the daemon that forwards it: nothing is known of the
  // client.
  kLinkBroke,
};

class Gate {
 public:
  virtual ~Gate() = default;
  // The caller, when the table lets it call `method`
  // ("/package.Service/Method"); else NOT_ALLOWED.
  virtual Result<Caller> Admit(const grpc::ServerContextBase& context,
                               const std::string& method) = 0;
  // Of a call that gRPC says is cancelled. Once per call.
  virtual StreamFate WhyEnded(const grpc::ServerContextBase&) {
    return StreamFate::kBroken;
  }
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GATE_H_
