#include "daemon/store/sqlite_copy.h"

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "daemon/store/sqlite_file.h"
#include "daemon/store/sqlite_statement.h"

namespace ithaca::store {
namespace {

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};

// 4 MiB at a time.
constexpr int kPagesPerStep = 1024;

std::unique_lock<std::mutex> Hold(std::mutex* lock) {
  return lock == nullptr ? std::unique_lock<std::mutex>()
                         : std::unique_lock<std::mutex>(*lock);
}

int CopyPages(sqlite3* from, sqlite3* to, std::mutex* lock) {
  sqlite3_backup* backup = nullptr;
  {
    const auto held = Hold(lock);
    backup = sqlite3_backup_init(to, "main", from, "main");
  }
  if (backup == nullptr) return sqlite3_errcode(to);
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    const auto held = Hold(lock);
    code = sqlite3_backup_step(backup, kPagesPerStep);
  }
  const auto held = Hold(lock);
  return sqlite3_backup_finish(backup);
}

absl::Status FillAndCheck(sqlite3* from, const std::string& path,
                          std::mutex* lock) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  const std::unique_ptr<sqlite3, Close> to(raw);
  if (code == SQLITE_OK) code = CopyPages(from, raw, lock);
  // One file, without a log beside it.
  if (code == SQLITE_OK)
    code = sqlite3_exec(raw, "PRAGMA journal_mode=DELETE", nullptr, nullptr,
                        nullptr);
  if (code != SQLITE_OK) return SqliteStatus(code, path, sqlite3_errmsg(raw));
  return QuickCheck(raw, path);
}

}  // namespace

absl::Status QuickCheck(sqlite3* db, const std::string& path) {
  Statement statement;
  int code = statement.Prepare(db, "PRAGMA quick_check(1)");
  if (code == SQLITE_OK) code = statement.Step();
  if (code != SQLITE_ROW) return SqliteStatus(code, path, sqlite3_errmsg(db));
  const std::string verdict = statement.Blob(0);
  return verdict == "ok" ? absl::OkStatus()
                         : SqliteStatus(SQLITE_CORRUPT, path, verdict);
}

absl::Status CopyDatabase(sqlite3* from, const std::string& to,
                          std::mutex* lock) {
  const std::string draft = to + ".new";
  unlink(draft.c_str());
  absl::Status status = MakePrivateFile(draft);
  if (status.ok()) status = FillAndCheck(from, draft, lock);
  if (status.ok()) status = MoveDurably(draft, to);
  if (!status.ok()) unlink(draft.c_str());
  return status;
}

}  // namespace ithaca::store
