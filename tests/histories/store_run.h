// Random clients and watchers of one store, each on a handle of its own or all
// on one, and the judgement of what they saw.
//
// Used by the tests of this folder. Threads: confined; it has many. Life: runs
// from the constructor to Finish, once.
#ifndef ITHACA_TESTS_HISTORIES_STORE_RUN_H_
#define ITHACA_TESTS_HISTORIES_STORE_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/store/store.h"
#include "tests/histories/linearizer.h"
#include "tests/histories/store_model.h"
#include "tests/histories/store_watcher.h"
#include "tests/histories/watch_rules.h"

namespace ithaca::histories {

struct StoreReport {
  size_t calls = 0;
  size_t unknown = 0;
  size_t failed = 0;
  size_t writes = 0;
  size_t watched = 0;
  size_t visited = 0;
  std::vector<std::string> violations;
};

std::string Summary(const StoreReport& report);

class StoreRun {
 public:
  struct Options {
    // Used in turn by actors, then by watchers. Empty at the beginning, and
    // outlive the run.
    std::vector<store::Store*> stores;
    uint64_t seed = 0;
    int actors = 4;
    int watchers = 2;
    int keys = 5;
    // See StoreModel.
    bool dense = false;
  };

  explicit StoreRun(const Options& options);
  ~StoreRun();

  // Ends actors; waits until the watchers were told everything; checks.
  StoreReport Finish();

 private:
  void Act(int client, store::Store* store, uint64_t seed);
  void Add(const Recorded<StoreCall>& call);
  void EndActors();
  void CheckEnd(StoreReport* report);

  const Options options_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> actors_;
  std::vector<std::unique_ptr<StoreWatcher>> watchers_;
  std::mutex mutex_;
  std::vector<Recorded<StoreCall>> history_;  // guarded by mutex_
  std::vector<std::string> violations_;       // guarded by mutex_
  size_t failed_ = 0;                         // guarded by mutex_
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_STORE_RUN_H_
