// The store of a cluster: etcd v3, over several endpoints.
//
// How entries lie there is in layout.h, how writes learn their outcome in
// session.h, leases in kept_lease.h. Reads are linearizable. Every call ends
// within twice Options::call_timeout, and then says UNAVAILABLE; what a write
// that ended so was to do is not done after a later call to this store has
// succeeded.
//
// Used by OpenStore. Threads: any. Life: watches and leases go before it; the
// destructor gives its own lease back if etcd can be reached.
#ifndef ITHACA_DAEMON_STORE_ETCD_ETCD_STORE_H_
#define ITHACA_DAEMON_STORE_ETCD_ETCD_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/store/etcd/options.h"
#include "daemon/store/store.h"

namespace ithaca::store::etcd {

// UNAVAILABLE when no endpoint answers; INVALID_ARGUMENT for TLS files. Tells
// Options::log of members whose version loses data under faults.
absl::StatusOr<std::unique_ptr<Store>> OpenEtcdStore(const Options& options);

// Why an etcd of this version ("3.5.9") should not hold what matters; empty:
// nothing is known against it.
std::string VersionWarning(const std::string& endpoint,
                           const std::string& version);

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_ETCD_STORE_H_
