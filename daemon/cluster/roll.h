// The nodes of the cluster: what the store says of them, and, while this daemon
// coordinates, whether they report.
//
// Used by Coordinator. Threads: any; one mutex. Life: the coordinator's.
#ifndef ITHACA_DAEMON_CLUSTER_ROLL_H_
#define ITHACA_DAEMON_CLUSTER_ROLL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/cluster/election.h"
#include "daemon/cluster/liveness.h"
#include "ithaca/cluster/v1/cluster.pb.h"

namespace ithaca::cluster {

class Roll {
 public:
  Roll(std::string self, const Liveness::Options& options)
      : self_(std::move(self)), options_(options) {}

  // The store's records, as the watch tells them.
  void Put(const Holder& node, Millis now);
  void Erase(const std::string& name);
  void Clear();

  // From now on nodes report here. Those that have members in groups, and those
  // that the store knows, ought to; `alive_at`: when the coordinator before
  // (`before`) gave its last sign of life.
  void BeginToListen(const std::set<std::string>& with_members,
                     const std::string& before, std::optional<Millis> alive_at,
                     Millis now);
  void CeaseToListen();

  struct Hearing {
    bool listens = false;
    bool dead = false;
    // The largest life of the sender that was heard of.
    uint64_t latest = 0;
  };
  Hearing Hear(const std::string& node, uint64_t incarnation, Millis now);

  struct Judgement {
    std::vector<Verdict> verdicts;
    // Other nodes in the store, and how many of them report.
    size_t live = 0;
    size_t reporting = 0;
  };
  // Nothing while nobody reports here.
  std::optional<Judgement> Judge(Millis now);

  // All nodes, by name.
  void Describe(Millis now, v1::GetClusterResponse* response) const;

 private:
  const std::string self_;
  const Liveness::Options options_;
  mutable std::mutex mutex_;
  // All below guarded by mutex_.
  std::map<std::string, Holder> records_;
  std::optional<Liveness> liveness_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_ROLL_H_
