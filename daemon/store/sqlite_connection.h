// The one connection to a store's SQLite file: opened the way a store needs it,
// and closed to everything after the medium failed.
//
// Used by the SQLite store and by what works on its files. Threads: confined to
// the holder of the store's lock. Life: Open once; statements go before it.
#ifndef ITHACA_DAEMON_STORE_SQLITE_CONNECTION_H_
#define ITHACA_DAEMON_STORE_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/sqlite_statement.h"

namespace ithaca::store {

// "ITHC": what `file` shows of a store, and what keeps us off another program's
// file.
inline constexpr int kSqliteApplicationId = 0x49544843;
// Version of the schema that this code writes.
inline constexpr int kSqliteSchemaVersion = 2;

struct SqliteOptions {
  // File; made with mode 0600 when it is not there. Its folder must exist.
  std::string path;
  // Name of the SQLite VFS; empty: the default. For tests that make the disk
  // fail.
  std::string vfs_for_test;
  // Largest size of the file in pages of 4 KiB; 0: no bound.
  int64_t max_pages = 0;
};

class SqliteConnection {
 public:
  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}
  ~SqliteConnection() { sqlite3_close(db_); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Opens or makes the file, takes its lock, sees that it is a store of ours
  // and whole, and brings its schema up to date. Errors as OpenSqliteStore.
  absl::Status Open(const SqliteOptions& options);

  // Opens a file that is there and changes nothing in it, but takes its lock.
  // Errors as OpenSqliteStore, and FAILED_PRECONDITION for a file without a
  // schema.
  absl::Status OpenAsIs();

  sqlite3* db() const { return db_; }
  const std::string& path() const { return path_; }
  // Why it refuses every call; OK: it does not.
  const absl::Status& broken() const { return broken_; }

  // The status of a failed call. After an I/O error the connection is broken.
  absl::Status Error(int code);
  // Steps a statement that returns no rows, and resets it.
  absl::Status Run(Statement& statement);
  absl::Status Exec(const std::string& sql);
  // The number that PRAGMA `name` says.
  absl::StatusOr<int64_t> Pragma(const std::string& name);
  // Rolls back an open transaction, if there is one.
  void Rollback();

 private:
  absl::Status TakeLock();
  absl::Status CheckIdentity();
  absl::Status Configure(const SqliteOptions& options);
  absl::Status Migrate();

  const std::string path_;
  sqlite3* db_ = nullptr;
  absl::Status broken_;
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_CONNECTION_H_
