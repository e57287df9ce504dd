// The file of a SQLite store, before SQLite opens it.
//
// Used by sqlite_store. Stateless; any thread. Errors name the file and the
// remedy.
#ifndef ITHACA_DAEMON_STORE_SQLITE_FILE_H_
#define ITHACA_DAEMON_STORE_SQLITE_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace ithaca::store {

// FAILED_PRECONDITION when `path` is on a network file system: its locks do not
// keep a second daemon out. NOT_FOUND when its folder is missing.
absl::Status RefuseNetworkFileSystem(const std::string& path);

// Makes the file unless it is there, for its owner alone: SQLite gives its
// other files the mode of this one. NOT_FOUND or PERMISSION_DENIED.
absl::Status MakePrivateFile(const std::string& path);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_FILE_H_
