// A daemon that shares its store with others: takes part in the election, and
// begins and ceases to hold the groups as it says.
//
// Brings Coordinator (who decides) and ClusterSide (who does) together. Used by
// the composition root. Threads: Start, Stop and the destructor from one; desk
// from any. Life: Start after ClusterSide; Stop before it is destroyed, and
// destroy after it, as peers may ask the desk until then.
#ifndef ITHACA_DAEMON_SERVER_CLUSTER_MEMBER_H_
#define ITHACA_DAEMON_SERVER_CLUSTER_MEMBER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "daemon/cluster/coordinator.h"
#include "daemon/groups/groups_service.h"
#include "daemon/server/cluster_side.h"
#include "daemon/server/log.h"
#include "daemon/store/store.h"

namespace ithaca::server {

class ClusterMember : private cluster::GroupsRunner {
 public:
  struct Options {
    // Both must outlive Stop.
    ClusterSide* side = nullptr;
    store::Store* store = nullptr;
    Log* log = nullptr;
    std::chrono::milliseconds lease_ttl{2000};
    // For the service that holds the groups; its gate is replaced.
    std::function<groups::GroupsService::Options()> groups;
    // Monotonic milliseconds, and milliseconds since 1970.
    std::function<int64_t()> clock;
    std::function<int64_t()> wall_clock;
  };

  static std::unique_ptr<ClusterMember> Start(Options options);
  ~ClusterMember() override { Stop(); }

  // Ends the groups if they are here, and lets another daemon take over.
  void Stop() { coordinator_->Stop(); }

  cluster::ClusterDesk* desk() { return coordinator_.get(); }

 private:
  explicit ClusterMember(Options options) : options_(std::move(options)) {}

  absl::Status Begin(Term term, const cluster::Place& here) override;
  void End(const cluster::Place& next) override;
  std::set<std::string> NodesWithMembers() override;
  void Tell(const cluster::Verdict& verdict) override;

  const Options options_;
  std::unique_ptr<cluster::Coordinator> coordinator_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_CLUSTER_MEMBER_H_
