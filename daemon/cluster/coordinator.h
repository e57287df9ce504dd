// A daemon's part in its cluster: takes part in the election, coordinates the
// groups or reports to who does, and judges who is alive while it coordinates.
//
// Runs the pure parts (Election, Liveness) on the store and the network. It
// tells where the groups are coordinated (on_place), and begins and ends them
// (GroupsRunner).
//
// Used by the composition root. Threads: one for the election, which may wait
// for the store; one that judges every 50 ms; the heartbeat's. on_place and
// Begin and End of the runner are called by the first, Tell by the second.
// Life: Start; Stop, which hands the role over; destroy.
#ifndef ITHACA_DAEMON_CLUSTER_COORDINATOR_H_
#define ITHACA_DAEMON_CLUSTER_COORDINATOR_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "daemon/cluster/cluster_service.h"
#include "daemon/cluster/election.h"
#include "daemon/cluster/heartbeat.h"
#include "daemon/cluster/liveness.h"
#include "daemon/cluster/place.h"
#include "daemon/cluster/roll.h"
#include "daemon/store/store.h"

namespace ithaca::cluster {

// Runs the groups while this daemon coordinates them.
class GroupsRunner {
 public:
  virtual ~GroupsRunner() = default;
  struct Term {
    // What must hold when it claims the store.
    std::vector<store::Compare> claim_while;
    // To be called once if the claim is lost. From any thread.
    std::function<void(const std::string& why)> on_claim_lost;
    // Whether it may answer from memory. From any thread.
    std::function<bool()> may_answer;
  };
  // Claims the store, reads it and serves, at `here`.
  virtual absl::Status Begin(Term term, const Place& here) = 0;
  // Ends every stream and wait, leads calls to `next`; afterwards nothing
  // answers here. Idempotent.
  virtual void End(const Place& next) = 0;
  // Nodes whose daemons members came through. After Begin.
  virtual std::set<std::string> NodesWithMembers() = 0;
  // Changes of nodes' health. Only between Begin and End; otherwise nothing.
  virtual void Tell(const Verdict& verdict) = 0;
};

class Coordinator final : public ClusterDesk {
 public:
  struct Options {
    // This node, and HOST:PORT where others reach it.
    std::string node;
    std::string address;
    // Both must outlive the coordinator.
    store::Store* store = nullptr;
    GroupsRunner* groups = nullptr;
    std::chrono::milliseconds lease_ttl{2000};
    Liveness::Options liveness;
    // Its `self` is set from the above.
    Election::Options election;
    // A connection to the daemon at an address; not shared with earlier calls.
    std::function<std::shared_ptr<grpc::Channel>(const std::string& address)>
        connect;
    std::function<void(const Place&)> on_place;
    // Monotonic milliseconds, and milliseconds since 1970.
    std::function<Millis()> clock;
    std::function<int64_t()> wall_clock;
    std::function<void(const std::string&)> log;
  };

  // Returns at once; the place is kNowhere until on_place says otherwise.
  static std::unique_ptr<Coordinator> Start(Options options);
  ~Coordinator() override;

  // Ends the groups if they are here, and lets another daemon take over.
  void Stop();

  // ClusterDesk.
  Hearing Hear(const v1::HeartbeatRequest& heartbeat) override;
  v1::GetClusterResponse Describe() override;
  Place place() override;
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) override;

 private:
  explicit Coordinator(Options options);

  // ---- any thread
  void Post(std::function<void()> event);

  // ---- the election's thread
  void Loop();
  // What came in; waits for it until `until`.
  std::deque<std::function<void()>> Events(Millis until);
  // Whether there is more to do at once; else when there will be.
  bool Do(const Step& step);
  void Write(const Step& step);
  void Read();
  void Begin(const Step& step);
  void StandDown(const Step& step);
  void KeepLease();
  absl::Status TakeLease();
  void DropLease(const std::string& why);
  void WatchStore();
  void OnBatch(const store::WatchBatch& batch);
  void OnDeclaredDead(uint64_t incarnation, uint64_t latest);
  void Publish();

  // ---- the judge's thread
  void Judge();

  const Options options_;
  const Holder self_;
  Roll roll_;
  // Until when answers from memory are good.
  std::atomic<Millis> answer_until_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> events_;  // guarded by mutex_
  bool stopping_ = false;                     // guarded by mutex_
  Place place_;                               // guarded by mutex_
  // The last channel asked for by ChannelTo.
  std::string channel_address_;             // guarded by mutex_
  std::shared_ptr<grpc::Channel> channel_;  // guarded by mutex_

  // Below: the election's thread only.
  Election election_;
  std::unique_ptr<store::Lease> lease_;
  // Whether this node's record is written under it.
  bool enrolled_ = false;
  Millis lease_at_ = 0;
  std::string lease_problem_;
  std::unique_ptr<store::WatchHandle> watch_;
  uint64_t signature_ = 0;
  // This life of the node, to who coordinates.
  uint64_t incarnation_ = 0;
  bool told_place_ = false;

  std::unique_ptr<HeartbeatSender> heartbeat_;
  std::thread election_thread_;
  std::thread judge_thread_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_COORDINATOR_H_
