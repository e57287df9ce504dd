// The daemon: everything that ithacad is made of, built in one place.
//
// Used by ithacad's main and by tests. Threads: Start, Stop and the destructor
// from one thread. Life: serves from Start's return; Stop drains.
#ifndef ITHACA_DAEMON_SERVER_DAEMON_H_
#define ITHACA_DAEMON_SERVER_DAEMON_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/cluster/place.h"
#include "daemon/groups/types.h"
#include "daemon/server/cluster_side.h"
#include "daemon/server/log.h"
#include "daemon/server/method_table.h"
#include "daemon/server/rate_limiter.h"

namespace ithaca::server {

struct DaemonOptions {
  // Made if it is not there. Holds the socket, and the store unless `store` is
  // elsewhere.
  std::string run_dir;
  // As store::OpenStore takes it; empty: "sqlite:<run_dir>/store.db".
  std::string store;
  // How long to wait at the start for a cluster's store that does not answer.
  int64_t store_wait_ms = 0;
  // Files that describe the cluster, in any format that daemon/topology reads,
  // the one that is believed most first; all win over what the machine says.
  std::vector<std::string> topology_files;
  // How it belongs to a cluster; by default it is alone.
  ClusterOptions cluster;
  groups::Limits limits;
  // Where Prometheus reads the metrics; see metrics::ParseScrapeAddress. Empty:
  // nowhere.
  std::string metrics;
  RateLimits rate_limits;
  // How long calls in flight may take to end when the daemon stops, ms. Streams
  // and waits are ended at once; what is left takes milliseconds, but a client
  // that is idle in gRPC's blocking API does not answer the farewell, and is
  // waited for in vain.
  int64_t drain_ms = 1000;
  // How long a peer may take to begin to speak, ms.
  int64_t patience_ms = 5000;
  // Must outlive the daemon.
  Log* log = nullptr;
  // Null: AllMethods(). Must outlive the daemon.
  const MethodTable* methods_for_test = nullptr;
  // Where the groups are, for a daemon of a cluster. Empty: here.
  std::optional<cluster::Place> place_for_test;
};

class Daemon {
 public:
  // Errors say what to do: FAILED_PRECONDITION (run directory, store),
  // ALREADY_EXISTS (another ithacad), INVALID_ARGUMENT (options), and the
  // store's.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(
      const DaemonOptions& options);
  virtual ~Daemon() = default;

  // Health says NOT_SERVING, no new connection is taken, streams and waits end
  // with UNAVAILABLE, calls in flight may finish; then everything closes.
  // Members of groups stay members, and resume when the daemon is back.
  // Idempotent.
  virtual void Stop() = 0;

  // Whether the part that decides about groups answers within `timeout_ms`.
  virtual bool Responds(int64_t timeout_ms) = 0;

  virtual const std::string& socket_path() const = 0;
  // Null: it is alone.
  virtual ClusterSide* cluster() = 0;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_DAEMON_H_
