// What a watcher was told: each key and the revision that wrote it, so that a
// watch that lost its place can tell the difference instead of everything.
//
// Used by every backend's watches. Threads: confined. Life: as the watch.
#ifndef ITHACA_DAEMON_STORE_KNOWN_KEYS_H_
#define ITHACA_DAEMON_STORE_KNOWN_KEYS_H_

#include <map>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace ithaca::store {

class KnownKeys {
 public:
  // Notes what the watcher is told now.
  void Learn(const WatchBatch& batch);

  // The batch that brings the watcher to `entries`, everything there is at
  // `revision`: kResync if all that it was told is known here, which is so from
  // the first kSnapshot on; otherwise kSnapshot. Does not learn it.
  WatchBatch CatchUp(std::vector<KeyValue> entries, int64_t revision) const;

 private:
  bool complete_ = false;
  std::map<std::string, int64_t, std::less<>> revisions_;
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_KNOWN_KEYS_H_
