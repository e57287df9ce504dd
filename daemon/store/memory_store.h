// A store in memory, for tests: the semantics of Store without a disk, and
// failure at will.
//
// Threads: any. Life: the contents end with the object.
#ifndef ITHACA_DAEMON_STORE_MEMORY_STORE_H_
#define ITHACA_DAEMON_STORE_MEMORY_STORE_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace ithaca::store {

class MemoryStore : public Store {
 public:
  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) override;
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after,
                                  size_t limit) override;
  absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                const std::vector<Op>& ops) override;
  absl::StatusOr<int64_t> Revision() override;

  // From now on Txn with operations returns `status` and changes nothing; OK:
  // works again.
  void FailWritesForTest(absl::Status status);

 private:
  std::mutex mutex_;
  std::map<std::string, KeyValue, std::less<>> entries_;  // guarded by mutex_
  int64_t revision_ = 0;                                  // guarded by mutex_
  absl::Status write_status_;                             // guarded by mutex_
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_MEMORY_STORE_H_
