#include "daemon/store/store_files.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/sqlite_copy.h"
#include "daemon/store/sqlite_file.h"
#include "daemon/store/sqlite_statement.h"
#include "daemon/store/sqlite_store.h"

namespace ithaca::store {
namespace {

// A restored store begins this far above every revision that it, or the one
// that it replaces, is known to have had: so none is used twice.
constexpr int64_t kRevisionGap = int64_t{1} << 32;

absl::Status Damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("store ", path, ": ", what, "; restore another backup"));
}

absl::StatusOr<int64_t> Number(SqliteConnection& file, const char* sql) {
  Statement statement;
  int code = statement.Prepare(file.db(), sql);
  if (code == SQLITE_OK) code = statement.Step();
  if (code == SQLITE_ROW) return statement.Number(0);
  return code == SQLITE_DONE ? Damaged(file.path(), "a row is missing")
                             : file.Error(code);
}

absl::Status CheckPages(SqliteConnection& file) {
  Statement check;
  int code = check.Prepare(file.db(), "PRAGMA integrity_check(1)");
  if (code == SQLITE_OK) code = check.Step();
  if (code != SQLITE_ROW) return file.Error(code);
  const std::string verdict = check.Blob(0);
  return verdict == "ok" ? absl::OkStatus() : Damaged(file.path(), verdict);
}

absl::StatusOr<StoreFacts> ReadFacts(SqliteConnection& file) {
  StoreFacts facts;
  int64_t strange = 0;
  const std::pair<int64_t*, const char*> all[] = {
      {&facts.schema_version, "PRAGMA user_version"},
      {&facts.revision, "SELECT revision FROM state WHERE id = 1"},
      {&facts.entries, "SELECT count(*) FROM entries"},
      {&facts.bytes, "SELECT coalesce(sum(length(value)), 0) FROM entries"},
      {&strange,
       "SELECT count(*) FROM entries, state WHERE mod_revision > revision OR "
       "create_revision > mod_revision OR create_revision < 1 OR "
       "length(key) = 0"},
  };
  for (const auto& [number, sql] : all) {
    const auto read = Number(file, sql);
    if (!read.ok()) return read.status();
    *number = *read;
  }
  if (strange != 0)
    return Damaged(file.path(),
                   absl::StrCat(strange, " entries contradict the revision"));
  return facts;
}

absl::Status RefuseExisting(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("store ", path, ": is there already; give another name"));
}

// "2026-11-21T03:28:13Z".
std::string UtcNow() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// What is in the place of a store that is to be restored, held until it is not
// there any more: a daemon that starts meanwhile finds it locked.
class Replaced {
 public:
  absl::Status Open(const std::string& path) {
    if (access(path.c_str(), F_OK) != 0) {
      if (access((path + "-wal").c_str(), F_OK) != 0) return absl::OkStatus();
      return absl::FailedPreconditionError(absl::StrCat(
          "store ", path, ": is not there, but its log ", path,
          "-wal is, which would spoil the restored one; move that away first"));
    }
    file_.emplace(path);
    const absl::Status status = file_->OpenAsIs();
    // A damaged file is what one restores a backup for.
    readable_ = status.ok() && ReadFacts(*file_).ok();
    if (status.ok() || absl::IsDataLoss(status)) return absl::OkStatus();
    return status;
  }
  bool exists() const { return file_.has_value(); }
  // Null: there is nothing to read.
  SqliteConnection* readable() { return readable_ ? &*file_ : nullptr; }

  // The file is `kept_as` too, and needs no log.
  absl::Status KeepAs(const std::string& kept_as) {
    if (readable_) {
      absl::Status status = file_->Exec("PRAGMA journal_mode=DELETE");
      if (!status.ok()) return status;
    }
    if (link(file_->path().c_str(), kept_as.c_str()) == 0) {
      // What a damaged file's log says must not be done to the restored one.
      for (const char* suffix : {"-wal", "-journal"})
        rename((file_->path() + suffix).c_str(), (kept_as + suffix).c_str());
      return absl::OkStatus();
    }
    return absl::PermissionDeniedError(
        absl::StrCat("store ", kept_as, ": ", std::strerror(errno),
                     "; the folder must be writable for this user"));
  }

 private:
  std::optional<SqliteConnection> file_;
  bool readable_ = false;
};

// The store that is replaced as one that can be read: a copy of it, as its own
// file is not to be changed.
absl::StatusOr<std::unique_ptr<Store>> OpenCopy(SqliteConnection& file,
                                                const std::string& path) {
  if (absl::Status s = CopyDatabase(file.db(), path, nullptr); !s.ok())
    return s;
  return OpenSqliteStore({path, "", 0});
}

void RemoveDraft(const std::string& path) {
  for (const char* suffix : {"", "-wal", ".before-v2"})
    unlink((path + suffix).c_str());
}

absl::Status RaiseRevision(const std::string& path, int64_t revision) {
  SqliteConnection file(path);
  absl::Status status = file.Open({path, "", 0});
  if (status.ok())
    status = file.Exec(absl::StrCat("UPDATE state SET revision=", revision));
  return status;
}

// Makes `draft` the store that is to be used.
absl::Status MakeDraft(const std::string& backup, const std::string& draft,
                       SqliteConnection* replaced,
                       const BeforeUse& before_use) {
  const std::string draft_of_old = draft + ".old";
  if (absl::Status s = BackupStoreFile(backup, draft); !s.ok()) return s;
  int64_t floor = 0;
  {
    auto store = OpenSqliteStore({draft, "", 0});
    if (!store.ok()) return store.status();
    absl::StatusOr<std::unique_ptr<Store>> old = nullptr;
    if (replaced != nullptr) old = OpenCopy(*replaced, draft_of_old);
    if (!old.ok()) return old.status();
    absl::Status status = before_use(store->get(), old->get());
    if (!status.ok()) return status;
    for (Store* each : {store->get(), old->get()}) {
      if (each != nullptr) floor = std::max(floor, *each->Revision());
    }
  }
  RemoveDraft(draft_of_old);
  return RaiseRevision(draft, floor + kRevisionGap);
}

}  // namespace

absl::StatusOr<StoreFacts> CheckStoreFile(const std::string& path) {
  SqliteConnection file(path);
  absl::Status status = file.OpenAsIs();
  if (status.ok()) status = CheckPages(file);
  if (!status.ok()) return status;
  return ReadFacts(file);
}

absl::Status BackupStoreFile(const std::string& from, const std::string& to) {
  if (absl::Status status = RefuseExisting(to); !status.ok()) return status;
  SqliteConnection file(from);
  absl::Status status = file.OpenAsIs();
  if (status.ok()) status = CheckPages(file);
  if (status.ok()) status = CopyDatabase(file.db(), to, nullptr);
  return status;
}

absl::Status ReadStoreFile(const std::string& path,
                           const std::function<void(const KeyValue&)>& visit) {
  SqliteConnection file(path);
  if (absl::Status status = file.OpenAsIs(); !status.ok()) return status;
  const auto version = file.Pragma("user_version");
  if (!version.ok()) return version.status();
  Statement rows;
  int code = rows.Prepare(
      file.db(),
      absl::StrCat("SELECT key, value, create_revision, "
                   "mod_revision, ",
                   *version < 2 ? "0" : "lease", " FROM entries ORDER BY key"));
  if (code != SQLITE_OK) return file.Error(code);
  while ((code = rows.Step()) == SQLITE_ROW) {
    visit({rows.Blob(0), rows.Blob(1), rows.Number(2), rows.Number(3),
           rows.Number(4)});
  }
  return code == SQLITE_DONE ? absl::OkStatus() : file.Error(code);
}

absl::StatusOr<RestoreReport> RestoreStoreFile(const std::string& backup,
                                               const std::string& to,
                                               const BeforeUse& before_use) {
  Replaced replaced;
  if (absl::Status status = replaced.Open(to); !status.ok()) return status;
  const std::string draft = to + ".restoring";
  RemoveDraft(draft);
  absl::Status status =
      MakeDraft(backup, draft, replaced.readable(), before_use);
  RestoreReport report;
  if (status.ok()) {
    const auto facts = CheckStoreFile(draft);
    status = facts.status();
    if (facts.ok()) report.facts = *facts;
  }
  if (status.ok() && replaced.exists()) {
    report.kept_as = absl::StrCat(to, ".replaced-", UtcNow());
    status = replaced.KeepAs(report.kept_as);
  }
  if (status.ok()) status = MoveDurably(draft, to);
  if (!status.ok()) {
    RemoveDraft(draft);
    RemoveDraft(draft + ".old");
    return status;
  }
  return report;
}

}  // namespace ithaca::store
