// A cluster for tests: a real etcd, and ithacad processes that are killed,
// stopped, cut off and started again, with one member of a group through each.
//
// Used by failover_test, detection_bench and histories. Threads: the caller's,
// and the first WhyNot before the process has others (see NetIslands). Life:
// Start to the destructor, which kills every process; however this process
// ends, nothing of it is left.
#ifndef ITHACA_TESTS_CLUSTER_CLUSTER_H_
#define ITHACA_TESTS_CLUSTER_CLUSTER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/membership.h"
#include "daemon/cluster/tls_for_test.h"
#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "ithaca/cluster/v1/cluster.pb.h"

namespace ithaca::tests {

class Cluster {
 public:
  // Of daemons, and of members of etcd.
  static constexpr int kMaxHosts = 3;
  struct Options {
    size_t daemons = 3;
    size_t etcd_members = 1;
    // Each daemon on a host of its own, which can be cut off. At most
    // kMaxHosts daemons, and one such cluster at a time.
    bool namespaces = false;
    // With `namespaces`: each member of etcd, at most kMaxHosts, too.
    bool etcd_apart = false;
  };

  // Why there can be none here; empty: there can. To be asked before Start.
  static std::string WhyNot(const Options& options);

  // Null, with the reason on standard error, when it cannot start.
  static std::unique_ptr<Cluster> Start(const Options& options);
  ~Cluster();

  size_t size() const { return nodes_.size(); }
  store::etcd::EtcdCluster* etcd() { return etcd_.get(); }
  std::string NameOf(size_t node) const { return nodes_[node].name; }

  void StartDaemon(size_t node);
  // SIGKILL, and waits for its end.
  void Kill(size_t node);
  // SIGSTOP and SIGCONT.
  void Pause(size_t node);
  void Resume(size_t node);
  // Nothing reaches the node, and nothing comes from it; or again.
  void SetLink(size_t node, bool up);
  void SetEtcdLink(size_t member, bool up);

  // Waits until the daemon answers.
  std::unique_ptr<client::Client> Connect(size_t node,
                                          int64_t timeout_ms = 20'000);
  // What a daemon says of the cluster; nothing within a second: empty.
  cluster::v1::GetClusterResponse Ask(size_t node);
  // Waits until every running daemon follows, or is, one coordinator, which
  // takes all that run for alive. Its number.
  size_t WaitUntilWell();
  std::string LogOf(size_t node) const;

 private:
  struct Node {
    std::string name;
    std::string run_dir;
    std::string host;
    int port = 0;
    cluster::TlsPaths tls;
    pid_t pid = -1;
    bool paused = false;
    std::unique_ptr<client::Client> client;
  };

  Cluster() = default;
  bool Open(const Options& options);
  bool IsWell(size_t* coordinator);

  bool namespaces_ = false;
  bool etcd_apart_ = false;
  cluster::AuthorityForTest authority_;
  std::unique_ptr<store::etcd::EtcdCluster> etcd_;
  std::vector<Node> nodes_;
};

// Members of one group.
class Members {
 public:
  // Creates the group, with a slot for each entry, and joins it through these
  // daemons; none: through every one of them. Fails the process with the reason
  // when it cannot.
  Members(Cluster* cluster, const std::string& group,
          std::vector<size_t> through = {});

  client::Membership* at(size_t slot) { return members_[slot].get(); }
  // Its member joins again, as a new life; its name is "m" and the slot.
  void Rejoin(size_t slot);
  // All join as new lives, through this daemon.
  void RejoinAll(size_t node);
  // Waits until the group is complete for all; its epoch.
  uint64_t WaitComplete();
  const std::string& group() const { return group_; }

 private:
  Cluster* const cluster_;
  const std::string group_;
  // Of each slot.
  std::vector<size_t> through_;
  std::vector<std::unique_ptr<client::Client>> clients_;
  std::vector<std::unique_ptr<client::Membership>> members_;
};

}  // namespace ithaca::tests

#endif  // ITHACA_TESTS_CLUSTER_CLUSTER_H_
