#include "daemon/store/sqlite_statement.h"

#include "absl/strings/str_cat.h"

namespace ithaca::store {
namespace {

struct Meaning {
  absl::StatusCode code;
  const char* remedy;
};

Meaning Translate(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {absl::StatusCode::kFailedPrecondition,
              "another process holds the file; is an ithacad already running "
              "on it? Stop "
              "that one, or give this one a --store of its own"};
    case SQLITE_FULL:
      return {
          absl::StatusCode::kResourceExhausted,
          "nothing was changed; make space on the file system and call again"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {absl::StatusCode::kDataLoss,
              "the file is damaged or is not a store; move it away and restore "
              "a backup, or "
              "start with an empty one"};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return {
          absl::StatusCode::kPermissionDenied,
          "the daemon's user must be able to write the file and its folder"};
    case SQLITE_CANTOPEN:
      return {absl::StatusCode::kNotFound,
              "the folder must exist and be writable for the daemon's user"};
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return {absl::StatusCode::kResourceExhausted,
              "nothing was changed; free memory"};
    default:
      return {absl::StatusCode::kUnavailable,
              "the medium failed; check the disk and the kernel log, then "
              "restart ithacad"};
  }
}

}  // namespace

absl::Status SqliteStatus(int code, std::string_view context,
                          std::string_view detail) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
    return absl::OkStatus();
  const Meaning meaning = Translate(code);
  return absl::Status(
      meaning.code,
      absl::StrCat("store ", absl::string_view(context.data(), context.size()),
                   ": ", absl::string_view(detail.data(), detail.size()),
                   " (SQLite ", code, "); ", meaning.remedy));
}

int Statement::Prepare(sqlite3* db, std::string_view sql) {
  return sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                            SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
}

void Statement::Bind(int index, std::string_view blob) {
  // A null pointer would bind NULL; an empty value is not NULL.
  sqlite3_bind_blob64(statement_, index, blob.empty() ? "" : blob.data(),
                      blob.size(), SQLITE_STATIC);
}

void Statement::Bind(int index, int64_t number) {
  sqlite3_bind_int64(statement_, index, number);
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::string Statement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), size);
}

}  // namespace ithaca::store
