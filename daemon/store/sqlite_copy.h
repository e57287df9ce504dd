// A copy of an open SQLite database, whole or not at all.
//
// Used before migrations and for backups. Stateless; any thread.
#ifndef ITHACA_DAEMON_STORE_SQLITE_COPY_H_
#define ITHACA_DAEMON_STORE_SQLITE_COPY_H_

#include <sqlite3.h>

#include <mutex>
#include <string>

#include "absl/status/status.h"

namespace ithaca::store {

// Writes what `from` holds at one revision to the file `to`, checks it, and has
// it on the disk before it has that name; a file of that name is replaced. On
// failure there is no new file, and an old one is untouched. `lock` (null:
// none) is taken for a few MiB at a time: what is changed in between through
// `from` is copied too. Errors as SqliteStatus, about `to`.
absl::Status CopyDatabase(sqlite3* from, const std::string& to,
                          std::mutex* lock);

// What PRAGMA quick_check says of an open database: OK or DATA_LOSS.
absl::Status QuickCheck(sqlite3* db, const std::string& path);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_COPY_H_
