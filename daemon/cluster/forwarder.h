// Carries calls for GroupsService to where the groups are coordinated: into
// this process, or over mutual TLS to another daemon.
//
// What it is given was admitted by the gate. A call that comes while nobody
// coordinates waits a little for somebody who does. When the place changes, all
// calls under way end with UNAVAILABLE, NOT_COORDINATOR, and clients resume: an
// election keeps members, so their streams count as detached, not as lost. What
// another daemon sends is never sent on again.
//
// Used by the daemon's servers. Threads: any. Life: Drain, shut down the
// servers that give it calls, then destroy, which waits for the last call.
#ifndef ITHACA_DAEMON_CLUSTER_FORWARDER_H_
#define ITHACA_DAEMON_CLUSTER_FORWARDER_H_

#include <grpcpp/channel.h>
#include <grpcpp/generic/async_generic_service.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "daemon/cluster/forwarded_call.h"
#include "daemon/cluster/place.h"
#include "daemon/cluster/stream_fates.h"
#include "daemon/groups/types.h"

namespace ithaca::cluster {

class Forwarder {
 public:
  // Calls `on_exit` once when the caller's process ends, if it does before the
  // handle is dropped. Null: it cannot be watched.
  using WatchProcess = std::function<std::shared_ptr<void>(
      const groups::Caller& caller, std::function<void()> on_exit)>;

  struct Options {
    // Name of this node: IsNodeName.
    std::string node;
    // A channel to a place that is not kNowhere. Called once per place.
    std::function<std::shared_ptr<grpc::Channel>(const Place&)> connect;
    // Empty: processes are not watched.
    WatchProcess watch_process;
    // Must outlive the forwarder.
    StreamFates* fates = nullptr;
    // How long a call may wait for somebody who coordinates, ms.
    int64_t wait_ms = 2000;
    // How long the coordinator may take to end a stream after its farewell, ms.
    int64_t farewell_ms = 1000;
    // Under way at once.
    size_t max_calls = 131'072;
  };

  // kNowhere, until SetPlace.
  explicit Forwarder(Options options);
  ~Forwarder();

  // From now on calls go there. Returns without waiting for anything.
  void SetPlace(const Place& place);

  // A call that `caller` may make; `from_daemon`: another daemon sent it.
  grpc::ServerGenericBidiReactor* Forward(
      grpc::GenericCallbackServerContext* context, const groups::Caller& caller,
      bool from_daemon);

  // Refuses what comes, and ends what is under way, with DRAINING.
  void Drain();

  // Under way. For metrics and tests.
  size_t calls() const;

 private:
  struct Entry {
    // Not an owner: gRPC is, through the call's reactors.
    std::weak_ptr<ForwardedCall> call;
    // Waits for a place.
    bool waiting = false;
  };
  using Calls = std::unordered_map<uint64_t, Entry>;

  std::optional<groups::Refusal> WhyNot(bool from_daemon) const;
  ForwardedCall::Options OptionsFor(
      const grpc::GenericCallbackServerContext& context,
      const groups::Caller& caller, bool from_daemon, uint64_t id);
  void Watch(const std::shared_ptr<ForwardedCall>& call, uint64_t id,
             const groups::Caller& caller);
  void Gone(uint64_t id);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable gone_;
  // All below guarded by mutex_.
  Place place_;
  ForwardedCall::Target target_;
  bool draining_ = false;
  uint64_t last_id_ = 0;
  Calls calls_;
  std::unordered_map<uint64_t, std::shared_ptr<void>> watched_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_FORWARDER_H_
