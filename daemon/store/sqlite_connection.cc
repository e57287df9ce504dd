#include "daemon/store/sqlite_connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_copy.h"
#include "daemon/store/sqlite_file.h"

namespace ithaca::store {
namespace {

// Entry i brings the schema from version i to version i + 1. Never change an
// entry that was released.
constexpr const char* kMigrations[] = {
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision "
    "INTEGER NOT NULL)"
    " STRICT;"
    "INSERT INTO state VALUES (1, 0);"
    "CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL,"
    " create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL) STRICT;",
    "ALTER TABLE entries ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX leased ON entries (lease) WHERE lease <> 0;",
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) ==
              kSqliteSchemaVersion);

// Codes that leave the file in a state that only a fresh start can know.
bool Breaks(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable ||
         code == absl::StatusCode::kDataLoss;
}

}  // namespace

absl::Status SqliteConnection::Error(int code) {
  absl::Status status = SqliteStatus(sqlite3_extended_errcode(db_) != SQLITE_OK
                                         ? sqlite3_extended_errcode(db_)
                                         : code,
                                     path_, sqlite3_errmsg(db_));
  if (status.ok()) status = SqliteStatus(code, path_, sqlite3_errstr(code));
  if (Breaks(status.code()) && broken_.ok()) {
    broken_ = absl::UnavailableError(absl::StrCat(
        "store ", path_,
        ": refuses calls since an earlier failure: ", status.message()));
  }
  return status;
}

absl::Status SqliteConnection::Run(Statement& statement) {
  StatementScope scope(statement);
  const int code = statement.Step();
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code);
}

absl::Status SqliteConnection::Exec(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<int64_t> SqliteConnection::Pragma(const std::string& name) {
  Statement statement;
  int code = statement.Prepare(db_, absl::StrCat("PRAGMA ", name));
  if (code == SQLITE_OK) code = statement.Step();
  if (code != SQLITE_ROW) return Error(code);
  return statement.Number(0);
}

// SQLite rolls back by itself after some errors; then this is a no-op.
void SqliteConnection::Rollback() {
  if (sqlite3_get_autocommit(db_) != 0) return;
  const int code = sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  if (code != SQLITE_OK && broken_.ok()) {
    broken_ = absl::UnavailableError(
        absl::StrCat("store ", path_, ": cannot roll back; restart ithacad"));
  }
}

absl::Status SqliteConnection::Open(const SqliteOptions& options) {
  if (absl::Status status = RefuseNetworkFileSystem(path_); !status.ok())
    return status;
  if (options.vfs_for_test.empty()) {
    if (absl::Status status = MakePrivateFile(path_); !status.ok())
      return status;
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const char* vfs =
      options.vfs_for_test.empty() ? nullptr : options.vfs_for_test.c_str();
  const int code = sqlite3_open_v2(path_.c_str(), &db_, flags, vfs);
  if (code != SQLITE_OK) return Error(code);
  absl::Status status = TakeLock();
  if (status.ok()) status = CheckIdentity();
  if (status.ok()) status = Configure(options);
  if (status.ok()) status = QuickCheck(db_, path_);
  if (status.ok()) status = Migrate();
  return status;
}

absl::Status SqliteConnection::OpenAsIs() {
  if (absl::Status status = RefuseNetworkFileSystem(path_); !status.ok())
    return status;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path_.c_str(), &db_, flags, nullptr);
  if (code != SQLITE_OK) return Error(code);
  absl::Status status = TakeLock();
  if (status.ok()) status = CheckIdentity();
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = Pragma("user_version");
  if (!version.ok()) return version.status();
  if (*version < 1 || *version > kSqliteSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path_, ": has schema version ", *version,
                     "; this program knows 1 to ", kSqliteSchemaVersion));
  }
  return absl::OkStatus();
}

// Exclusive locking comes before the first access to the log.
absl::Status SqliteConnection::TakeLock() {
  sqlite3_busy_timeout(db_, 0);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return Exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA "
      "cell_size_check=ON;"
      "PRAGMA mmap_size=0; PRAGMA foreign_keys=ON;");
}

absl::Status SqliteConnection::Configure(const SqliteOptions& options) {
  Statement mode;
  int code = mode.Prepare(db_, "PRAGMA journal_mode=WAL");
  if (code == SQLITE_OK) code = mode.Step();
  if (code != SQLITE_ROW) return Error(code);
  if (mode.Blob(0) != "wal") {
    return absl::FailedPreconditionError(absl::StrCat(
        "store ", path_,
        ": no write-ahead log on this file system; use a local folder"));
  }
  mode.Reset();
  const std::string sql = "PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; COMMIT;";
  if (absl::Status status = Exec(sql); !status.ok()) return status;
  if (options.max_pages == 0) return absl::OkStatus();
  return Exec(absl::StrCat("PRAGMA max_page_count=", options.max_pages));
}

absl::Status SqliteConnection::CheckIdentity() {
  const absl::StatusOr<int64_t> id = Pragma("application_id");
  if (!id.ok()) return id.status();
  const absl::StatusOr<int64_t> tables = Pragma("schema_version");
  if (!tables.ok()) return tables.status();
  if (*id == kSqliteApplicationId || (*id == 0 && *tables == 0))
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "store ", path_,
      ": is a SQLite file of another program; give --store another path"));
}

absl::Status SqliteConnection::Migrate() {
  const absl::StatusOr<int64_t> version = Pragma("user_version");
  if (!version.ok()) return version.status();
  if (*version > kSqliteSchemaVersion || *version < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path_, ": has schema version ", *version,
                     ", this ithacad knows up to ", kSqliteSchemaVersion,
                     "; run the newer ithacad, or give --store another path"));
  }
  for (int64_t from = *version; from < kSqliteSchemaVersion; ++from) {
    absl::Status status;
    if (from > 0)
      status = CopyDatabase(db_, absl::StrCat(path_, ".before-v", from + 1),
                            nullptr);
    if (!status.ok()) return status;
    status =
        Exec(absl::StrCat("BEGIN IMMEDIATE;", kMigrations[from],
                          "PRAGMA application_id=", kSqliteApplicationId,
                          "; PRAGMA user_version=", from + 1, "; COMMIT;"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace ithaca::store
