// Asks one member of the etcd that a store's name gives how it is.
//
// Used by `ithacactl doctor`. Threads: any; blocks for 3 s at most.
#ifndef ITHACA_DAEMON_CLI_ASK_ETCD_H_
#define ITHACA_DAEMON_CLI_ASK_ETCD_H_

#include <string>

#include "daemon/doctor/host.h"

namespace ithaca::cli {

// `store` is "etcd:..." with the options (TLS files) of the cluster, `endpoint`
// one of its HOST:PORT.
doctor::EtcdAnswer AskEtcd(const std::string& store,
                           const std::string& endpoint);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_ASK_ETCD_H_
