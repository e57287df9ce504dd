// A lease of etcd, kept alive from here.
//
// A thread renews it every third of its time, at one endpoint after another
// until one answers, for as long as the server must still have it by this
// machine's clock. After that, and a little before, it counts as lost: so its
// owner knows before the server lets go.
//
// Used by the etcd store. Threads: any; `lost` runs on the lease's own thread.
// Life: goes before its client.
#ifndef ITHACA_DAEMON_STORE_ETCD_KEPT_LEASE_H_
#define ITHACA_DAEMON_STORE_ETCD_KEPT_LEASE_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/etcd/client.h"
#include "daemon/store/store.h"

namespace ithaca::store::etcd {

class KeptLease : public Lease {
 public:
  // Errors as Client::Explain.
  static absl::StatusOr<std::unique_ptr<KeptLease>> Grant(
      Client* client, std::chrono::milliseconds ttl, LeaseLost lost);
  ~KeptLease() override { (void)Revoke(); }

  int64_t id() const override { return id_; }
  std::chrono::milliseconds Remaining() const override;
  absl::Status Revoke() override;

 private:
  // By a clock that goes on while the machine sleeps.
  using Millis = std::chrono::milliseconds;
  enum class Renewal { kDone, kGone, kNoAnswer };

  KeptLease(Client* client, int64_t id, Millis ttl, Millis sent,
            LeaseLost lost);
  static Millis Now();
  void Run();
  // Asks one endpoint; `sent` is when it began.
  Renewal Renew(Millis until, Millis* sent, std::string* cause);
  void Lose(std::unique_lock<std::mutex> lock, const std::string& why);
  // REQUIRES: mutex_ held.
  Millis Deadline() const { return sent_ + ttl_ - ttl_ / 20; }

  Client* const client_;
  const int64_t id_;
  const Millis ttl_;
  const LeaseLost lost_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Millis sent_;  // guarded by mutex_; of the last renewal that was granted
  bool stop_ = false;  // guarded by mutex_
  bool over_ = false;  // guarded by mutex_
  std::mutex revoke_mutex_;
  std::thread thread_;  // guarded by revoke_mutex_; last: uses all above
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_KEPT_LEASE_H_
