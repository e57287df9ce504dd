// The file of a SQLite store, as what the operating system knows of it.
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

// Gives the file `from` the name `to` in the same folder, replacing what had
// it, with the bytes and the name on the disk when it returns.
// PERMISSION_DENIED, NOT_FOUND, or UNAVAILABLE when a sync failed.
absl::Status MoveDurably(const std::string& from, const std::string& to);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_SQLITE_FILE_H_
