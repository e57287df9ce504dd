// Leases of a store that lives in this process: they need no renewal, and end
// by Revoke, with the process, or with the store's failure.
//
// Used by MemoryStore and SqliteStore. Threads: any; LoseAll and Lose call out
// and are called without the store's lock. Life: goes after its leases.
#ifndef ITHACA_DAEMON_STORE_LOCAL_LEASES_H_
#define ITHACA_DAEMON_STORE_LOCAL_LEASES_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "daemon/store/store.h"

namespace ithaca::store {

class LocalLeases {
 public:
  // Deletes the keys of a lease; takes the store's lock itself.
  using Drop = std::function<absl::Status(int64_t id)>;

  explicit LocalLeases(Drop drop) : drop_(std::move(drop)) {}

  std::unique_ptr<Lease> Grant(std::chrono::milliseconds ttl, LeaseLost lost);

  // Whether it was granted and is not over.
  bool Has(int64_t id);

  // It is over: its owner is told, once. Its keys are not touched.
  void Lose(int64_t id, const absl::Status& why);
  void LoseAll(const absl::Status& why);

 private:
  class LocalLease;
  struct State {
    // Held while `lost` runs, so that Revoke waits for it.
    std::mutex mutex;
    bool over = false;  // guarded by mutex
    LeaseLost lost;
  };

  const Drop drop_;
  std::mutex mutex_;
  int64_t last_id_ = 0;                             // guarded by mutex_
  std::map<int64_t, std::shared_ptr<State>> live_;  // guarded by mutex_
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_LOCAL_LEASES_H_
