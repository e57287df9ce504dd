// A store that measures its writes.
//
// Made by the composition root around the real one. Threads: as the store.
#ifndef ITHACA_DAEMON_SERVER_TIMED_STORE_H_
#define ITHACA_DAEMON_SERVER_TIMED_STORE_H_

#include <memory>
#include <vector>

#include "daemon/metrics/metrics.h"
#include "daemon/store/store.h"

namespace ithaca::server {

// Transactions with operations count as store_commit_seconds, those that failed
// as store_failures; everything else is the store's own. `metrics` must outlive
// the result.
std::unique_ptr<store::Store> TimeWrites(std::unique_ptr<store::Store> store,
                                         metrics::Metrics* metrics);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_TIMED_STORE_H_
