// The store of one node: a SQLite file that one process holds.
//
// One connection under one mutex, write-ahead log, exclusive locking taken
// before the log is first touched (so there is no shared-memory file, and a
// second process is refused), every commit synced. The revision is the number
// of commits. Watches live on this process's commits, leases end with it: what
// they held is deleted when the file is opened.
//
// Used by the composition root of ithacad. Threads: any; calls queue up on the
// mutex.
#ifndef ITHACA_DAEMON_STORE_SQLITE_STORE_H_
#define ITHACA_DAEMON_STORE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "daemon/store/sqlite_connection.h"
#include "daemon/store/store.h"

namespace ithaca::store {

// Opens or makes the file, checks its integrity, and brings its schema up to
// date, after a copy to PATH.before-vN. FAILED_PRECONDITION: another process
// holds it, it is not a store of ours, it is newer than this code, or it is on
// a network file system; DATA_LOSS: damaged; NOT_FOUND, PERMISSION_DENIED: the
// folder. Messages say what to do.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const SqliteOptions& options);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_STORE_H_
