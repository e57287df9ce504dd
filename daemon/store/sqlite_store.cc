#include "daemon/store/sqlite_store.h"

#include <sqlite3.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_file.h"
#include "daemon/store/sqlite_statement.h"

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
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) ==
              kSqliteSchemaVersion);

class SqliteStore : public Store {
 public:
  explicit SqliteStore(std::string path) : path_(std::move(path)) {}
  ~SqliteStore() override;

  absl::Status Open(const SqliteOptions& options);

  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) override;
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after,
                                  size_t limit) override;
  absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                const std::vector<Op>& ops) override;
  absl::StatusOr<int64_t> Revision() override;

 private:
  // All below: REQUIRES mutex_ held, or Open running.
  absl::Status TakeLock();
  absl::Status Configure(const SqliteOptions& options);
  absl::Status CheckIdentity();
  absl::Status CheckIntegrity();
  absl::Status Migrate();
  absl::Status PrepareAll();
  absl::Status Exec(const std::string& sql);
  absl::StatusOr<int64_t> Pragma(const std::string& name);
  absl::StatusOr<bool> Holds(const Compare& compare);
  absl::Status Apply(const Op& op, int64_t revision);
  absl::Status RunTxn(const std::vector<Compare>& compares,
                      const std::vector<Op>& ops, TxnResult* result);
  absl::Status Error(int code);
  absl::Status Run(Statement& statement);
  void Rollback();

  const std::string path_;
  std::mutex mutex_;
  // All below guarded by mutex_. Statements go before the connection.
  sqlite3* db_ = nullptr;
  struct Statements {
    Statement begin, commit, rollback, set_revision, get, list, list_to_end,
        put, erase, erase_range, erase_to_end;
  };
  std::unique_ptr<Statements> sql_;
  int64_t revision_ = 0;
  // Why the store refuses every call; OK: it does not.
  absl::Status broken_;
};

SqliteStore::~SqliteStore() {
  sql_.reset();
  sqlite3_close(db_);
}

// Codes that leave the file in a state that only a fresh start can know.
bool Breaks(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable ||
         code == absl::StatusCode::kDataLoss;
}

absl::Status SqliteStore::Error(int code) {
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

absl::Status SqliteStore::Exec(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<int64_t> SqliteStore::Pragma(const std::string& name) {
  Statement statement;
  int code = statement.Prepare(db_, absl::StrCat("PRAGMA ", name));
  if (code == SQLITE_OK) code = statement.Step();
  if (code != SQLITE_ROW) return Error(code);
  return statement.Number(0);
}

absl::Status SqliteStore::Open(const SqliteOptions& options) {
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
  if (status.ok()) status = CheckIntegrity();
  if (status.ok()) status = Migrate();
  if (status.ok()) status = PrepareAll();
  return status;
}

// Exclusive locking comes before the first access to the log.
absl::Status SqliteStore::TakeLock() {
  sqlite3_busy_timeout(db_, 0);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return Exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA "
      "cell_size_check=ON;"
      "PRAGMA mmap_size=0; PRAGMA foreign_keys=ON;");
}

absl::Status SqliteStore::Configure(const SqliteOptions& options) {
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

absl::Status SqliteStore::CheckIdentity() {
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

absl::Status SqliteStore::CheckIntegrity() {
  Statement statement;
  int code = statement.Prepare(db_, "PRAGMA quick_check(1)");
  if (code == SQLITE_OK) code = statement.Step();
  if (code != SQLITE_ROW) return Error(code);
  const std::string verdict = statement.Blob(0);
  if (verdict == "ok") return absl::OkStatus();
  return SqliteStatus(SQLITE_CORRUPT, path_, verdict);
}

absl::Status SqliteStore::Migrate() {
  const absl::StatusOr<int64_t> version = Pragma("user_version");
  if (!version.ok()) return version.status();
  if (*version > kSqliteSchemaVersion || *version < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path_, ": has schema version ", *version,
                     ", this ithacad knows up to ", kSqliteSchemaVersion,
                     "; run the newer ithacad, or give --store another path"));
  }
  for (int64_t from = *version; from < kSqliteSchemaVersion; ++from) {
    const absl::Status status =
        Exec(absl::StrCat("BEGIN IMMEDIATE;", kMigrations[from],
                          "PRAGMA application_id=", kSqliteApplicationId,
                          "; PRAGMA user_version=", from + 1, "; COMMIT;"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::PrepareAll() {
  sql_ = std::make_unique<Statements>();
  const std::string columns =
      "SELECT key, value, create_revision, mod_revision FROM entries";
  const std::pair<Statement*, std::string> all[] = {
      {&sql_->begin, "BEGIN IMMEDIATE"},
      {&sql_->commit, "COMMIT"},
      {&sql_->rollback, "ROLLBACK"},
      {&sql_->set_revision, "UPDATE state SET revision = ?1 WHERE id = 1"},
      {&sql_->get, columns + " WHERE key = ?1"},
      {&sql_->list,
       columns +
           " WHERE key >= ?1 AND key > ?2 AND key < ?3 ORDER BY key LIMIT ?4"},
      {&sql_->list_to_end,
       columns + " WHERE key >= ?1 AND key > ?2 ORDER BY key LIMIT ?4"},
      {&sql_->put,
       "INSERT INTO entries VALUES (?1, ?2, ?3, ?3) ON CONFLICT (key) DO UPDATE"
       " SET value = excluded.value, mod_revision = excluded.mod_revision"},
      {&sql_->erase, "DELETE FROM entries WHERE key = ?1"},
      {&sql_->erase_range, "DELETE FROM entries WHERE key >= ?1 AND key < ?2"},
      {&sql_->erase_to_end, "DELETE FROM entries WHERE key >= ?1"},
  };
  for (const auto& [statement, text] : all) {
    if (const int code = statement->Prepare(db_, text); code != SQLITE_OK)
      return Error(code);
  }
  Statement revision;
  int code = revision.Prepare(db_, "SELECT revision FROM state WHERE id = 1");
  if (code == SQLITE_OK) code = revision.Step();
  if (code == SQLITE_DONE)
    return SqliteStatus(SQLITE_CORRUPT, path_, "no revision row");
  if (code != SQLITE_ROW) return Error(code);
  revision_ = revision.Number(0);
  return absl::OkStatus();
}

KeyValue ReadRow(const Statement& row) {
  return KeyValue{row.Blob(0), row.Blob(1), row.Number(2), row.Number(3)};
}

absl::StatusOr<std::optional<KeyValue>> SqliteStore::Get(std::string_view key) {
  if (absl::Status status = ValidateKey(key); !status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!broken_.ok()) return broken_;
  StatementScope scope(sql_->get);
  sql_->get.Bind(1, key);
  const int code = sql_->get.Step();
  if (code == SQLITE_DONE) return std::optional<KeyValue>();
  if (code != SQLITE_ROW) return Error(code);
  return std::optional<KeyValue>(ReadRow(sql_->get));
}

absl::StatusOr<ListResult> SqliteStore::List(std::string_view prefix,
                                             std::string_view after,
                                             size_t limit) {
  if (limit == 0)
    return absl::InvalidArgumentError("store: a listing of 0 entries");
  std::lock_guard<std::mutex> lock(mutex_);
  if (!broken_.ok()) return broken_;
  const std::string end = PrefixEnd(prefix);
  Statement& list = end.empty() ? sql_->list_to_end : sql_->list;
  StatementScope scope(list);
  list.Bind(1, prefix);
  list.Bind(2, after);
  if (!end.empty()) list.Bind(3, end);
  list.Bind(4, static_cast<int64_t>(limit) + 1);
  ListResult result;
  result.revision = revision_;
  for (;;) {
    const int code = list.Step();
    if (code == SQLITE_DONE) return result;
    if (code != SQLITE_ROW) return Error(code);
    if (result.entries.size() == limit) {
      result.more = true;
      return result;
    }
    result.entries.push_back(ReadRow(list));
  }
}

absl::Status SqliteStore::Run(Statement& statement) {
  StatementScope scope(statement);
  const int code = statement.Step();
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code);
}

absl::StatusOr<bool> SqliteStore::Holds(const Compare& compare) {
  StatementScope scope(sql_->get);
  sql_->get.Bind(1, compare.key);
  const int code = sql_->get.Step();
  if (code == SQLITE_DONE) return compare.mod_revision == 0;
  if (code != SQLITE_ROW) return Error(code);
  return sql_->get.Number(3) == compare.mod_revision;
}

absl::Status SqliteStore::Apply(const Op& op, int64_t revision) {
  if (op.kind == Op::Kind::kPut) {
    sql_->put.Bind(1, op.key);
    sql_->put.Bind(2, op.value);
    sql_->put.Bind(3, revision);
    return Run(sql_->put);
  }
  if (op.kind == Op::Kind::kDelete) {
    sql_->erase.Bind(1, op.key);
    return Run(sql_->erase);
  }
  const std::string end = PrefixEnd(op.key);
  Statement& erase = end.empty() ? sql_->erase_to_end : sql_->erase_range;
  erase.Bind(1, op.key);
  if (!end.empty()) erase.Bind(2, end);
  return Run(erase);
}

absl::Status SqliteStore::RunTxn(const std::vector<Compare>& compares,
                                 const std::vector<Op>& ops,
                                 TxnResult* result) {
  for (const Compare& compare : compares) {
    const absl::StatusOr<bool> holds = Holds(compare);
    if (!holds.ok()) return holds.status();
    if (!*holds) return absl::OkStatus();
  }
  result->committed = true;
  if (ops.empty()) return absl::OkStatus();
  for (const Op& op : ops) {
    if (absl::Status status = Apply(op, revision_ + 1); !status.ok())
      return status;
  }
  sql_->set_revision.Bind(1, revision_ + 1);
  if (absl::Status status = Run(sql_->set_revision); !status.ok())
    return status;
  if (absl::Status status = Run(sql_->commit); !status.ok()) return status;
  ++revision_;
  return absl::OkStatus();
}

// SQLite rolls back by itself after some errors; then this is a no-op.
void SqliteStore::Rollback() {
  if (sqlite3_get_autocommit(db_) != 0) return;
  StatementScope scope(sql_->rollback);
  const int code = sql_->rollback.Step();
  if (code != SQLITE_DONE && broken_.ok()) {
    broken_ = absl::UnavailableError(
        absl::StrCat("store ", path_, ": cannot roll back; restart ithacad"));
  }
}

absl::StatusOr<TxnResult> SqliteStore::Txn(const std::vector<Compare>& compares,
                                           const std::vector<Op>& ops) {
  if (absl::Status status = ValidateTxn(compares, ops); !status.ok())
    return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!broken_.ok()) return broken_;
  if (absl::Status status = Run(sql_->begin); !status.ok()) return status;
  TxnResult result;
  const absl::Status status = RunTxn(compares, ops, &result);
  Rollback();
  if (!status.ok()) return status;
  result.revision = revision_;
  return result;
}

absl::StatusOr<int64_t> SqliteStore::Revision() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!broken_.ok()) return broken_;
  return revision_;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const SqliteOptions& options) {
  auto store = std::make_unique<SqliteStore>(options.path);
  if (absl::Status status = store->Open(options); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace ithaca::store
