// Calls to a cluster of etcd over several endpoints.
//
// Keeps one channel per endpoint and prefers the one that answered last. Every
// call has a deadline, and asks members that know no leader to say so at once.
//
// Used by the etcd store's parts. Threads: any. Life: goes after every call.
#ifndef ITHACA_DAEMON_STORE_ETCD_CLIENT_H_
#define ITHACA_DAEMON_STORE_ETCD_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/etcd/etcd_rpc.grpc.pb.h"
#include "daemon/store/etcd/options.h"

namespace ithaca::store::etcd {

using Time = std::chrono::steady_clock::time_point;

// One member's stubs.
struct Endpoint {
  std::string name;
  std::unique_ptr<etcdserverpb::KV::Stub> kv;
  std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance;
};

using Rpc = std::function<grpc::Status(const Endpoint&, grpc::ClientContext*)>;

// What is known after an attempt that was not answered with OK.
enum class Failure {
  // etcd refused it, and would do so again: it was not done.
  kRefused,
  // It may have been done, now or later: time ran out, or the connection or the
  // leader was lost.
  kUnknown,
};
Failure Classify(const grpc::Status& status);

class Client {
 public:
  // INVALID_ARGUMENT when a TLS file cannot be read.
  static absl::StatusOr<std::unique_ptr<Client>> Make(const Options& options);

  size_t size() const { return endpoints_.size(); }
  const Endpoint& endpoint(size_t index) const { return endpoints_[index]; }
  // The endpoint to try first.
  size_t preferred() const { return preferred_; }
  // It did not answer: another one is preferred from now on.
  void Avoid(size_t index);

  // Gives a context the deadline and what every call carries.
  static void Prepare(grpc::ClientContext* context, Time deadline);

  // When a call that begins now must end.
  Time Deadline() const;

  // One attempt at the preferred endpoint, of at most `timeout` and not beyond
  // `deadline`. `wait`: also for the connection; else a call fails at once
  // where there was none a moment ago.
  grpc::Status Once(const Rpc& rpc, Time deadline,
                    std::chrono::milliseconds timeout, bool wait = false);

  // Attempts at one endpoint after another, until one is answered with OK or
  // refused, or the deadline. For what may be done twice. Errors as Explain.
  absl::Status Call(const Rpc& rpc, Time deadline);

  // The one place where etcd's statuses are translated: the endpoints, the
  // cause and the remedy.
  //   space exceeded                  -> RESOURCE_EXHAUSTED
  //   compacted or future revision    -> OUT_OF_RANGE
  //   lease not found                 -> NOT_FOUND
  //   PERMISSION_DENIED, UNAUTHENTICATED -> PERMISSION_DENIED
  //   other refusals                  -> INTERNAL
  //   everything else                 -> UNAVAILABLE
  absl::Status Explain(const grpc::Status& status) const;

  std::chrono::milliseconds attempt_timeout() const { return attempt_timeout_; }
  void Log(const std::string& text) const;

 private:
  Client() = default;

  std::vector<Endpoint> endpoints_;
  std::string names_;
  std::chrono::milliseconds call_timeout_{};
  std::chrono::milliseconds attempt_timeout_{};
  std::function<void(const std::string&)> log_;
  std::atomic<size_t> preferred_{0};
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_CLIENT_H_
