#include "daemon/store/sqlite_store.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/store/local_leases.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/sqlite_copy.h"
#include "daemon/store/sqlite_statement.h"
#include "daemon/store/watch_hub.h"

namespace ithaca::store {
namespace {

class SqliteStore : public Store {
 public:
  explicit SqliteStore(const std::string& path)
      : sqlite_(path),
        leases_([this](int64_t lease) { return DropLease(lease); }) {}

  absl::Status Open(const SqliteOptions& options);

  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) override;
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after,
                                  size_t limit) override;
  absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                const std::vector<Op>& ops) override;
  absl::StatusOr<int64_t> Revision() override;
  absl::StatusOr<std::unique_ptr<WatchHandle>> Watch(
      std::string_view prefix, int64_t after, WatchCallback callback) override;
  absl::StatusOr<std::unique_ptr<Lease>> Grant(std::chrono::milliseconds ttl,
                                               LeaseLost lost) override;
  absl::Status Backup(const std::string& path) override;

 private:
  using Events = std::vector<WatchEvent>;

  // All below: REQUIRES mutex_ held, or Open running.
  absl::Status PrepareAll();
  absl::Status ReadRevision();
  absl::StatusOr<bool> Holds(const Compare& compare);
  absl::Status Apply(const Op& op, Events* events);
  absl::Status Put(const Op& op, Events* events);
  // Runs a statement that deletes and returns keys.
  absl::Status Erase(Statement& erase, Events* events);
  absl::Status RunTxn(const std::vector<Compare>& compares,
                      const std::vector<Op>& ops, TxnResult* result);
  absl::Status CommitAs(int64_t revision, Events events);
  absl::StatusOr<TxnResult> LockedTxn(const std::vector<Compare>& compares,
                                      const std::vector<Op>& ops);

  // Deletes what the lease holds; -1: what any does. Takes mutex_.
  absl::Status DropLease(int64_t lease);
  absl::Status RunDropLease(int64_t lease);
  // Tells the owners of leases if the store has failed. Without mutex_.
  void LoseLeasesIfBroken();

  std::mutex mutex_;
  // All below guarded by mutex_. Statements go before the connection.
  SqliteConnection sqlite_;
  struct Statements {
    Statement begin, commit, set_revision, get, list, list_to_end, put, erase,
        erase_range, erase_to_end, erase_lease, erase_leased;
  };
  std::unique_ptr<Statements> sql_;
  int64_t revision_ = 0;
  // Guarded by themselves.
  std::unique_ptr<WatchHub> hub_;
  LocalLeases leases_;
};

absl::Status SqliteStore::Open(const SqliteOptions& options) {
  absl::Status status = sqlite_.Open(options);
  if (status.ok()) status = PrepareAll();
  if (status.ok()) status = ReadRevision();
  if (!status.ok()) return status;
  hub_ =
      std::make_unique<WatchHub>(revision_, [this](const std::string& prefix) {
        return List(prefix, "", std::numeric_limits<int32_t>::max());
      });
  // Leases of an earlier life are over.
  return DropLease(-1);
}

absl::Status SqliteStore::PrepareAll() {
  sql_ = std::make_unique<Statements>();
  const std::string columns =
      "SELECT key, value, create_revision, mod_revision, lease FROM entries";
  const std::string erase = "DELETE FROM entries WHERE ";
  const std::pair<Statement*, std::string> all[] = {
      {&sql_->begin, "BEGIN IMMEDIATE"},
      {&sql_->commit, "COMMIT"},
      {&sql_->set_revision, "UPDATE state SET revision = ?1 WHERE id = 1"},
      {&sql_->get, columns + " WHERE key = ?1"},
      {&sql_->list,
       columns +
           " WHERE key >= ?1 AND key > ?2 AND key < ?3 ORDER BY key LIMIT ?4"},
      {&sql_->list_to_end,
       columns + " WHERE key >= ?1 AND key > ?2 ORDER BY key LIMIT ?4"},
      {&sql_->put,
       "INSERT INTO entries VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (key) DO"
       " UPDATE SET value = excluded.value, mod_revision ="
       " excluded.mod_revision, lease = excluded.lease"
       " RETURNING create_revision"},
      {&sql_->erase, erase + "key = ?1 RETURNING key"},
      {&sql_->erase_range, erase + "key >= ?1 AND key < ?2 RETURNING key"},
      {&sql_->erase_to_end, erase + "key >= ?1 RETURNING key"},
      {&sql_->erase_lease, erase + "lease = ?1 RETURNING key"},
      {&sql_->erase_leased, erase + "lease <> 0 RETURNING key"},
  };
  for (const auto& [statement, text] : all) {
    const int code = statement->Prepare(sqlite_.db(), text);
    if (code != SQLITE_OK) return sqlite_.Error(code);
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::ReadRevision() {
  Statement revision;
  int code =
      revision.Prepare(sqlite_.db(), "SELECT revision FROM state WHERE id = 1");
  if (code == SQLITE_OK) code = revision.Step();
  if (code == SQLITE_DONE)
    return SqliteStatus(SQLITE_CORRUPT, sqlite_.path(), "no revision row");
  if (code != SQLITE_ROW) return sqlite_.Error(code);
  revision_ = revision.Number(0);
  return absl::OkStatus();
}

KeyValue ReadRow(const Statement& row) {
  return KeyValue{row.Blob(0), row.Blob(1), row.Number(2), row.Number(3),
                  row.Number(4)};
}

absl::StatusOr<std::optional<KeyValue>> SqliteStore::Get(std::string_view key) {
  if (absl::Status status = ValidateKey(key); !status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
  StatementScope scope(sql_->get);
  sql_->get.Bind(1, key);
  const int code = sql_->get.Step();
  if (code == SQLITE_DONE) return std::optional<KeyValue>();
  if (code != SQLITE_ROW) return sqlite_.Error(code);
  return std::optional<KeyValue>(ReadRow(sql_->get));
}

absl::StatusOr<ListResult> SqliteStore::List(std::string_view prefix,
                                             std::string_view after,
                                             size_t limit) {
  if (limit == 0)
    return absl::InvalidArgumentError("store: a listing of 0 entries");
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
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
    if (code != SQLITE_ROW) return sqlite_.Error(code);
    if (result.entries.size() == limit) {
      result.more = true;
      return result;
    }
    result.entries.push_back(ReadRow(list));
  }
}

absl::StatusOr<bool> SqliteStore::Holds(const Compare& compare) {
  StatementScope scope(sql_->get);
  sql_->get.Bind(1, compare.key);
  const int code = sql_->get.Step();
  if (code == SQLITE_DONE) return compare.mod_revision == 0;
  if (code != SQLITE_ROW) return sqlite_.Error(code);
  return sql_->get.Number(3) == compare.mod_revision;
}

absl::Status SqliteStore::Put(const Op& op, Events* events) {
  StatementScope scope(sql_->put);
  sql_->put.Bind(1, op.key);
  sql_->put.Bind(2, op.value);
  sql_->put.Bind(3, revision_ + 1);
  sql_->put.Bind(4, op.lease);
  int code = sql_->put.Step();
  if (code != SQLITE_ROW) return sqlite_.Error(code);
  const int64_t created = sql_->put.Number(0);
  code = sql_->put.Step();
  if (code != SQLITE_DONE) return sqlite_.Error(code);
  events->push_back(
      {WatchEvent::Kind::kPut,
       KeyValue{op.key, op.value, created, revision_ + 1, op.lease}});
  return absl::OkStatus();
}

absl::Status SqliteStore::Erase(Statement& erase, Events* events) {
  StatementScope scope(erase);
  std::vector<std::string> keys;
  for (;;) {
    const int code = erase.Step();
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) return sqlite_.Error(code);
    keys.push_back(erase.Blob(0));
  }
  std::sort(keys.begin(), keys.end());
  for (std::string& key : keys) {
    events->push_back({WatchEvent::Kind::kDelete,
                       KeyValue{std::move(key), "", 0, revision_ + 1, 0}});
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::Apply(const Op& op, Events* events) {
  if (op.kind == Op::Kind::kPut) return Put(op, events);
  if (op.kind == Op::Kind::kDelete) {
    sql_->erase.Bind(1, op.key);
    return Erase(sql_->erase, events);
  }
  const std::string end = PrefixEnd(op.key);
  Statement& erase = end.empty() ? sql_->erase_to_end : sql_->erase_range;
  erase.Bind(1, op.key);
  if (!end.empty()) erase.Bind(2, end);
  return Erase(erase, events);
}

// Ends the open transaction as `revision`, and tells the watches.
absl::Status SqliteStore::CommitAs(int64_t revision, Events events) {
  sql_->set_revision.Bind(1, revision);
  absl::Status status = sqlite_.Run(sql_->set_revision);
  if (status.ok()) status = sqlite_.Run(sql_->commit);
  if (!status.ok()) return status;
  revision_ = revision;
  if (hub_ != nullptr) hub_->Publish(revision_, std::move(events));
  return absl::OkStatus();
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
  Events events;
  for (const Op& op : ops) {
    if (op.lease != 0 && !leases_.Has(op.lease)) return LeaseNotFound(op.lease);
    if (absl::Status status = Apply(op, &events); !status.ok()) return status;
  }
  return CommitAs(revision_ + 1, std::move(events));
}

absl::StatusOr<TxnResult> SqliteStore::LockedTxn(
    const std::vector<Compare>& compares, const std::vector<Op>& ops) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
  if (absl::Status status = sqlite_.Run(sql_->begin); !status.ok())
    return status;
  TxnResult result;
  const absl::Status status = RunTxn(compares, ops, &result);
  sqlite_.Rollback();
  if (!status.ok()) return status;
  result.revision = revision_;
  return result;
}

absl::StatusOr<TxnResult> SqliteStore::Txn(const std::vector<Compare>& compares,
                                           const std::vector<Op>& ops) {
  if (absl::Status status = ValidateTxn(compares, ops); !status.ok())
    return status;
  absl::StatusOr<TxnResult> result = LockedTxn(compares, ops);
  if (!result.ok()) LoseLeasesIfBroken();
  return result;
}

absl::StatusOr<int64_t> SqliteStore::Revision() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
  return revision_;
}

absl::StatusOr<std::unique_ptr<WatchHandle>> SqliteStore::Watch(
    std::string_view prefix, int64_t after, WatchCallback callback) {
  return hub_->Start(std::string(prefix), after, std::move(callback));
}

absl::StatusOr<std::unique_ptr<Lease>> SqliteStore::Grant(
    std::chrono::milliseconds ttl, LeaseLost lost) {
  if (absl::Status status = ValidateTtl(ttl); !status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
  return leases_.Grant(ttl, std::move(lost));
}

absl::Status SqliteStore::Backup(const std::string& path) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!sqlite_.broken().ok()) return sqlite_.broken();
  }
  return CopyDatabase(sqlite_.db(), path, &mutex_);
}

absl::Status SqliteStore::RunDropLease(int64_t lease) {
  Events events;
  Statement& erase = lease < 0 ? sql_->erase_leased : sql_->erase_lease;
  if (lease >= 0) erase.Bind(1, lease);
  absl::Status status = Erase(erase, &events);
  if (!status.ok() || events.empty()) return status;
  return CommitAs(revision_ + 1, std::move(events));
}

absl::Status SqliteStore::DropLease(int64_t lease) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!sqlite_.broken().ok()) return sqlite_.broken();
  absl::Status status = sqlite_.Run(sql_->begin);
  if (status.ok()) status = RunDropLease(lease);
  sqlite_.Rollback();
  return status;
}

void SqliteStore::LoseLeasesIfBroken() {
  absl::Status broken;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    broken = sqlite_.broken();
  }
  if (!broken.ok()) leases_.LoseAll(broken);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const SqliteOptions& options) {
  auto store = std::make_unique<SqliteStore>(options.path);
  if (absl::Status status = store->Open(options); !status.ok()) return status;
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace ithaca::store
