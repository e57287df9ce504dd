// Why streams that were forwarded into this process are about to be cancelled:
// told by Forwarder just before it cancels one, asked by the groups when they
// see it cancelled.
//
// Threads: any. Bounded: of what nobody asks for, the latest 65,536 are kept.
#ifndef ITHACA_DAEMON_CLUSTER_STREAM_FATES_H_
#define ITHACA_DAEMON_CLUSTER_STREAM_FATES_H_

#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "daemon/groups/gate.h"

namespace ithaca::cluster {

class StreamFates {
 public:
  // Names a stream. Never 0, never twice.
  uint64_t NewName();
  void Tell(uint64_t stream, groups::StreamFate fate);
  // What was told, once; kBroken when nothing was.
  groups::StreamFate Take(uint64_t stream);

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;                                       // guarded by mutex_
  std::unordered_map<uint64_t, groups::StreamFate> fates_;  // guarded by mutex_
  // Those in fates_, and some that are no longer there.
  std::deque<uint64_t> order_;  // guarded by mutex_
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_STREAM_FATES_H_
