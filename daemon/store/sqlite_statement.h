// The few things that the SQLite store needs of SQLite's C interface, without
// leaks.
//
// Used by the SQLite store alone. Threads: confined to the holder of the
// connection.
#ifndef ITHACA_DAEMON_STORE_SQLITE_STATEMENT_H_
#define ITHACA_DAEMON_STORE_SQLITE_STATEMENT_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::store {

// A SQLite result code as a status whose message has `context` and the remedy.
// The one place where codes are translated:
//   BUSY, LOCKED                -> FAILED_PRECONDITION  (another process)
//   FULL                        -> RESOURCE_EXHAUSTED
//   CORRUPT, NOTADB             -> DATA_LOSS
//   PERM, READONLY, AUTH        -> PERMISSION_DENIED
//   CANTOPEN                    -> NOT_FOUND
//   NOMEM, TOOBIG               -> RESOURCE_EXHAUSTED
//   IOERR and everything else   -> UNAVAILABLE
absl::Status SqliteStatus(int code, std::string_view context,
                          std::string_view detail);

// A prepared statement. Bind, step until false, read the columns in between.
class Statement {
 public:
  Statement() = default;
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Compiles `sql` for `db`, once.
  int Prepare(sqlite3* db, std::string_view sql);

  // Parameters from 1. The bytes must live until Reset.
  void Bind(int index, std::string_view blob);
  void Bind(int index, int64_t number);

  // Runs to the next row: SQLITE_ROW, SQLITE_DONE or an error.
  int Step() { return sqlite3_step(statement_); }

  // Makes it ready for the next run and forgets the parameters.
  void Reset();

  // Columns of the current row, from 0.
  std::string Blob(int column) const;
  int64_t Number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// Resets a statement when the scope ends, however it ends.
class StatementScope {
 public:
  explicit StatementScope(Statement& statement) : statement_(statement) {}
  ~StatementScope() { statement_.Reset(); }
  StatementScope(const StatementScope&) = delete;
  StatementScope& operator=(const StatementScope&) = delete;

 private:
  Statement& statement_;
};

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_STATEMENT_H_
