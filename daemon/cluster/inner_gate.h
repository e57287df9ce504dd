// The gate of the groups in a cluster: every call reaches them through this
// process' forwarder, which was let in by AccessGate and says who it is for in
// metadata.
//
// For a server that only in-process channels reach: whoever can call it is
// believed. Threads: any; immutable.
#ifndef ITHACA_DAEMON_CLUSTER_INNER_GATE_H_
#define ITHACA_DAEMON_CLUSTER_INNER_GATE_H_

#include <string>

#include "daemon/cluster/stream_fates.h"
#include "daemon/groups/gate.h"

namespace ithaca::cluster {

class InnerGate : public groups::Gate {
 public:
  // `fates` must outlive the gate. `admin_uid` (the daemon's) and root are
  // administrators; user ids mean the same on all nodes of a cluster.
  InnerGate(StreamFates* fates, uint32_t admin_uid)
      : fates_(fates), admin_uid_(admin_uid) {}

  groups::Result<groups::Caller> Admit(const grpc::ServerContextBase& context,
                                       const std::string& method) override;
  groups::StreamFate WhyEnded(const grpc::ServerContextBase& context) override;

 private:
  StreamFates* const fates_;
  const uint32_t admin_uid_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_INNER_GATE_H_
