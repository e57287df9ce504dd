// Watches one group through a daemon, breaks off now and then and goes on where
// it was, and writes down what it was told.
//
// Used by the histories of groups. Threads: Run blocks on one. Life: Run once.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_WATCHER_H_
#define ITHACA_TESTS_HISTORIES_GROUP_WATCHER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/histories/group_recorder.h"

namespace ithaca::histories {

struct GroupWatcher {
  std::string socket;
  std::string name;
  uint64_t seed = 0;
  // Shared, and outlives it.
  GroupRecorder* recorder = nullptr;

  // Until `stop`.
  void Run(const std::atomic<bool>& stop) const;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_WATCHER_H_
