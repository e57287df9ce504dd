// Care for the SQLite files of stores: check, copy, read, restore.
//
// Used by ithacactl and by the daemon. None of it works on a file that a daemon
// holds (FAILED_PRECONDITION): that one must be asked for a backup. Stateless;
// any thread. Errors as OpenSqliteStore; messages name the file and the remedy.
#ifndef ITHACA_DAEMON_STORE_STORE_FILES_H_
#define ITHACA_DAEMON_STORE_STORE_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/store.h"

namespace ithaca::store {

struct StoreFacts {
  int64_t schema_version = 0;
  int64_t revision = 0;
  int64_t entries = 0;
  // Of all values together.
  int64_t bytes = 0;
};

// Reads every page, index and entry. DATA_LOSS, with the first finding, when
// the file is damaged or its entries contradict its revision.
absl::StatusOr<StoreFacts> CheckStoreFile(const std::string& path);

// Copies a store's file, and checks the copy. ALREADY_EXISTS when `to` does.
absl::Status BackupStoreFile(const std::string& from, const std::string& to);

// Calls `visit` for every entry, in key order.
absl::Status ReadStoreFile(const std::string& path,
                           const std::function<void(const KeyValue&)>& visit);

// Changes a store before it takes another one's place; `replaced` is null when
// there was none, or it cannot be read.
using BeforeUse = std::function<absl::Status(Store* restored, Store* replaced)>;

struct RestoreReport {
  StoreFacts facts;
  // Where the file is now that was there before; empty: none was.
  std::string kept_as;
};

// Puts a copy of `backup` in the place of the store `to`, which need not be
// there. The copy is whole, changed by `before_use`, and on the disk before it
// has the name; what was there is kept beside it. Revisions go on above those
// of both. On failure nothing is changed.
absl::StatusOr<RestoreReport> RestoreStoreFile(const std::string& backup,
                                               const std::string& to,
                                               const BeforeUse& before_use);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_STORE_FILES_H_
