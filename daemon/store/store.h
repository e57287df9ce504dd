// The daemon's durable state: an ordered map from keys to values under one
// revision.
//
// Used by daemon/groups (and by what else must survive a restart). Backends:
// SQLite for one node (sqlite_store.h), memory for tests (memory_store.h). All
// of them pass store_conformance_test.cc, and the semantics are those that a
// cluster store (etcd) can give as well, so that nothing above this interface
// knows which one it has.
//
// Threads: every method may be called from any thread; calls are atomic and
// take effect in one order. They block for as long as the disk takes: never
// call them where blocking is forbidden. Life: a store is open from its
// factory's return to its destructor.
#ifndef ITHACA_DAEMON_STORE_STORE_H_
#define ITHACA_DAEMON_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::store {

// Keys are 1 to 1024 bytes, ordered as unsigned bytes.
inline constexpr size_t kMaxKeyBytes = 1024;
// Values are 0 to 4 MiB.
inline constexpr size_t kMaxValueBytes = size_t{4} << 20;
// Compares plus operations of one transaction.
inline constexpr size_t kMaxTxnOps = 128;

struct KeyValue {
  std::string key;
  std::string value;
  // Revision of the transaction that made the key, and of the last one that
  // wrote it.
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
};

// Holds when the key's mod_revision is this one; 0: when the key does not
// exist.
struct Compare {
  std::string key;
  int64_t mod_revision = 0;
};

struct Op {
  enum class Kind { kPut, kDelete, kDeletePrefix };
  Kind kind = Kind::kPut;
  // For kDeletePrefix the prefix, at least one byte. Deleting what is not there
  // is fine.
  std::string key;
  // For kPut only.
  std::string value;

  static Op Put(std::string key, std::string value);
  static Op Delete(std::string key);
  static Op DeletePrefix(std::string prefix);
};

struct TxnResult {
  // Whether every compare held and the operations were done; false: nothing
  // changed.
  bool committed = false;
  // The store's revision afterwards.
  int64_t revision = 0;
};

// A page of a listing.
struct ListResult {
  // In key order.
  std::vector<KeyValue> entries;
  // Whether there are more after the last entry.
  bool more = false;
  // The store's revision that the page shows.
  int64_t revision = 0;
};

// Errors of every method: INVALID_ARGUMENT for a bound above that was crossed
// (nothing was changed); RESOURCE_EXHAUSTED when the disk is full (nothing was
// changed, and the call can be repeated when there is space); UNAVAILABLE when
// the medium failed, after which the store refuses every call until it is
// opened again: what it wrote last may or may not be on the disk, and it must
// not guess. Messages name the file, the cause and the remedy.
class Store {
 public:
  virtual ~Store() = default;

  // The entry, or nothing.
  virtual absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) = 0;

  // Up to `limit` (at least 1) entries whose key begins with `prefix` (may be
  // empty) and is greater than `after` (empty: from the start).
  virtual absl::StatusOr<ListResult> List(std::string_view prefix,
                                          std::string_view after,
                                          size_t limit) = 0;

  // If every compare holds, does all operations, as one and durably, under one
  // new revision; otherwise nothing. A transaction without operations takes no
  // revision. INVALID_ARGUMENT when two operations touch one key.
  virtual absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                        const std::vector<Op>& ops) = 0;

  // Revision of the last transaction with operations that was committed; 0:
  // none yet.
  virtual absl::StatusOr<int64_t> Revision() = 0;
};

// Checks the bounds of a transaction as every backend must: INVALID_ARGUMENT or
// OK.
absl::Status ValidateTxn(const std::vector<Compare>& compares,
                         const std::vector<Op>& ops);

// Checks a key: INVALID_ARGUMENT or OK.
absl::Status ValidateKey(std::string_view key);

// The smallest key that is greater than every key beginning with `prefix`;
// empty: none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_STORE_H_
