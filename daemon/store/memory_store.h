// A store in memory, for tests: the semantics of Store without a disk, and
// failure at will.
//
// Threads: any. Life: the contents end with the object.
#ifndef ITHACA_DAEMON_STORE_MEMORY_STORE_H_
#define ITHACA_DAEMON_STORE_MEMORY_STORE_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/store/local_leases.h"
#include "daemon/store/store.h"
#include "daemon/store/watch_hub.h"

namespace ithaca::store {

class MemoryStore : public Store {
 public:
  MemoryStore();

  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) override;
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after,
                                  size_t limit) override;
  absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                const std::vector<Op>& ops) override;
  absl::StatusOr<int64_t> Revision() override;
  absl::StatusOr<std::unique_ptr<WatchHandle>> Watch(
      std::string_view prefix, int64_t after, WatchCallback callback) override;
  absl::StatusOr<std::unique_ptr<Lease>> Grant(std::chrono::milliseconds ttl,
                                               LeaseLost lost) override;

  // From now on Txn with operations returns `status` and changes nothing; OK:
  // works again.
  void FailWritesForTest(absl::Status status);

  // As if the owner had not been heard of for the lease's time: its owner is
  // told first, then its keys go.
  void ExpireLeaseForTest(int64_t lease);

  // As a compaction: watches that have not been told everything yet resync.
  void ForgetHistoryForTest() { hub_.ForgetHistoryForTest(); }

 private:
  // REQUIRES: mutex_ held.
  void Apply(const Op& op, std::vector<WatchEvent>* events);
  void Erase(const std::string& key, std::vector<WatchEvent>* events);
  absl::Status DropLease(int64_t lease);

  std::mutex mutex_;
  std::map<std::string, KeyValue, std::less<>> entries_;  // guarded by mutex_
  int64_t revision_ = 0;                                  // guarded by mutex_
  absl::Status write_status_;                             // guarded by mutex_
  WatchHub hub_;
  LocalLeases leases_;
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_MEMORY_STORE_H_
