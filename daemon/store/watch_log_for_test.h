// Collects what a watch tells, and waits for it.
//
// Used by the store's tests, and by those of what watches a store. Threads:
// any. Life: goes after the watch that it is the callback of.
#ifndef ITHACA_DAEMON_STORE_WATCH_LOG_FOR_TEST_H_
#define ITHACA_DAEMON_STORE_WATCH_LOG_FOR_TEST_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace ithaca::store {

class WatchLog {
 public:
  WatchCallback Callback();

  // Waits until `enough` holds of all batches so far, a minute at most; whether
  // it does.
  bool WaitFor(
      const std::function<bool(const std::vector<WatchBatch>&)>& enough);
  // Waits until the watcher has been told of `revision` or a later one.
  bool WaitForRevision(int64_t revision);

  std::vector<WatchBatch> batches();
  // What a watcher believes to be there after all batches.
  std::map<std::string, KeyValue> state();
  // "+key@revision=value -key@revision ", over all batches of kChanges.
  std::string changes();
  // What breaks the promises of a watch: revisions that do not rise, an event
  // outside its batch. Empty: nothing.
  std::string Violation();

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<WatchBatch> batches_;  // guarded by mutex_
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_WATCH_LOG_FOR_TEST_H_
