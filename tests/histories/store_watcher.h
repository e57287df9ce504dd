// Watches a prefix of a store, breaks off now and then and goes on where it
// was, and writes down what it was told.
//
// Used by StoreRun. Threads: one of its own; every method from any. Life: from
// the constructor to Stop.
#ifndef ITHACA_TESTS_HISTORIES_STORE_WATCHER_H_
#define ITHACA_TESTS_HISTORIES_STORE_WATCHER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "daemon/store/store.h"
#include "tests/histories/watch_rules.h"

namespace ithaca::histories {

class StoreWatcher {
 public:
  StoreWatcher(store::Store* store, std::string name, std::string prefix,
               uint64_t seed);
  ~StoreWatcher() { Stop(); }

  // False: it was not told everything up to the revision in a minute.
  bool WaitFor(int64_t revision);
  void Stop();
  // After Stop.
  const WatchLog& log() const { return log_; }
  // What is there, by what it was told: values by key.
  std::map<std::string, std::string> contents() const;

 private:
  void Run();
  void Take(const store::WatchBatch& batch);

  store::Store* const store_;
  const std::string prefix_;
  std::mt19937_64 random_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  // All below guarded by mutex_.
  WatchLog log_;
  int64_t at_ = 0;
  std::map<std::string, std::string> contents_;

  std::thread thread_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_STORE_WATCHER_H_
