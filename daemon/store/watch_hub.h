// Watches of a store that makes all its changes in this process.
//
// The store publishes each commit; the hub keeps the last of them and runs one
// thread per watch. A watch that falls behind what is kept is brought up to
// date from a snapshot of the store.
//
// Used by MemoryStore and SqliteStore. Threads: any; Publish is called with the
// store's lock held, in the order of revisions, and never calls out. Life: goes
// after its watches and before what its snapshots read.
#ifndef ITHACA_DAEMON_STORE_WATCH_HUB_H_
#define ITHACA_DAEMON_STORE_WATCH_HUB_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace ithaca::store {

class WatchHub {
 public:
  // Everything below a prefix at one revision; takes the store's lock itself.
  using Snapshot =
      std::function<absl::StatusOr<ListResult>(const std::string& prefix)>;

  // History is complete from `revision` on.
  WatchHub(int64_t revision, Snapshot snapshot)
      : snapshot_(std::move(snapshot)), floor_(revision), last_(revision) {}

  // `events` under `revision` are committed.
  void Publish(int64_t revision, std::vector<WatchEvent> events);

  std::unique_ptr<WatchHandle> Start(std::string prefix, int64_t after,
                                     WatchCallback callback);

  // Drops what is kept, as if much had been published since.
  void ForgetHistoryForTest();

 private:
  class Watcher;
  struct Commit {
    int64_t revision = 0;
    size_t bytes = 0;
    std::shared_ptr<const std::vector<WatchEvent>> events;
  };
  // What a watcher at a position does next.
  struct Step {
    bool stop = false;
    // The changes after the position are not all here.
    bool gap = false;
    std::vector<Commit> commits;
  };
  // Waits until there is something after `position`, or `*stop`.
  Step Next(int64_t position, const bool* stop);
  void Trim(size_t commits, size_t bytes);

  const Snapshot snapshot_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below guarded by mutex_. Every change after floor_ is in history_.
  std::deque<Commit> history_;
  size_t bytes_ = 0;
  int64_t floor_;
  int64_t last_;
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_WATCH_HUB_H_
