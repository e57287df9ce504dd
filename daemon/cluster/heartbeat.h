// Tells the coordinator every 250 ms that this daemon is there, and hears from
// its answers that the coordinator is.
//
// One stream at a time, on a connection of its own. When no answer came for
// `patience_ms` stream and connection are thrown away and made anew: after an
// outage a new connection is quicker than an old one that waits longer and
// longer between its attempts.
//
// Used by Coordinator. Threads: one of its own, which paces; PointTo from any;
// the callbacks run on gRPC's, without a lock held. Life: from construction to
// the destructor, which waits for gRPC.
#ifndef ITHACA_DAEMON_CLUSTER_HEARTBEAT_H_
#define ITHACA_DAEMON_CLUSTER_HEARTBEAT_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/cluster/liveness.h"
#include "daemon/cluster/place.h"
#include "ithaca/cluster/v1/cluster.pb.h"

namespace ithaca::cluster {

class HeartbeatSender {
 public:
  struct Options {
    // This node.
    std::string node;
    std::string address;
    Millis every_ms = 250;
    Millis patience_ms = 1200;
    // A new connection to the daemon at an address.
    std::function<std::shared_ptr<grpc::Channel>(const std::string& address)>
        connect;
    // Monotonic milliseconds.
    std::function<Millis()> clock;
    // This life of the coordinator answered.
    std::function<void(uint64_t incarnation)> heard;
    // The coordinator says that this life of the sender is dead; a new one must
    // be larger than `latest` too.
    std::function<void(uint64_t incarnation, uint64_t latest)> dead;
  };

  explicit HeartbeatSender(Options options);
  ~HeartbeatSender();

  // From now on to there (kThere), or to nobody, as this life of this daemon.
  void PointTo(const Place& place, uint64_t incarnation);

 private:
  class Call;

  void Loop();
  // Both with the mutex held. How long until the next one, ms.
  Millis Beat(Millis now);
  void OpenCall(Millis now);
  // The same. Its end is waited for by the destructor.
  void DropCall();
  void OnAnswer(const v1::HeartbeatResponse& answer, uint64_t incarnation);
  void OnCallGone();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below guarded by mutex_.
  bool stopping_ = false;
  Place place_;
  uint64_t incarnation_ = 0;
  // Shared with gRPC, until it is done with it.
  std::shared_ptr<Call> call_;
  Millis answered_at_ = 0;
  Millis retry_at_ = 0;
  uint64_t sequence_ = 0;
  size_t open_calls_ = 0;

  std::thread thread_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_HEARTBEAT_H_
