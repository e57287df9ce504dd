// The store of one node: a SQLite file that one process holds.
//
// One connection under one mutex, write-ahead log, exclusive locking taken
// before the log is first touched (so there is no shared-memory file, and a
// second process is refused), every commit synced. The revision is the number
// of committed transactions.
//
// Used by the composition root of ithacad. Threads: any; calls queue up on the
// mutex.
#ifndef ITHACA_DAEMON_STORE_SQLITE_STORE_H_
#define ITHACA_DAEMON_STORE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "daemon/store/store.h"

namespace ithaca::store {

struct SqliteOptions {
  // File; made with mode 0600 when it is not there. Its folder must exist.
  std::string path;
  // Name of the SQLite VFS; empty: the default. For tests that make the disk
  // fail.
  std::string vfs_for_test;
  // Largest size of the file in pages of 4 KiB; 0: no bound.
  int64_t max_pages = 0;
};

// "ITHC": what `file` shows of a store, and what keeps us off another program's
// file.
inline constexpr int kSqliteApplicationId = 0x49544843;
// Version of the schema that this code writes.
inline constexpr int kSqliteSchemaVersion = 1;

// Opens or makes the file, brings its schema up to date, and checks its
// integrity. FAILED_PRECONDITION: another process holds it, it is not a store
// of ours, it is newer than this code, or it is on a network file system;
// DATA_LOSS: damaged; NOT_FOUND, PERMISSION_DENIED: the folder. Messages say
// what to do.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const SqliteOptions& options);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_STORE_H_
