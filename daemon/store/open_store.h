// Opens the store that an operator names.
//
// Used by ithacad and ithacactl. Threads: any.
#ifndef ITHACA_DAEMON_STORE_OPEN_STORE_H_
#define ITHACA_DAEMON_STORE_OPEN_STORE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/store/store.h"

namespace ithaca::store {

// What a store's name says.
struct StoreSpec {
  enum class Kind { kSqlite, kEtcd };
  Kind kind = Kind::kSqlite;
  // What follows "sqlite:" or "etcd:".
  std::string rest;
};

// "sqlite:PATH" or "etcd:HOST:PORT,HOST:PORT,..." with options as in
// etcd/options.h. INVALID_ARGUMENT says how it is written.
absl::StatusOr<StoreSpec> ParseStoreSpec(const std::string& spec);

// Errors as ParseStoreSpec, OpenSqliteStore and OpenEtcdStore. `log` is told of
// what an operator should know; may be empty. `wait`:
// how long a cluster none of whose members answers is asked again.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(
    const std::string& spec, std::function<void(const std::string&)> log,
    std::chrono::milliseconds wait = {});

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_OPEN_STORE_H_
