// The daemon's durable state: an ordered map from keys to values under one
// revision.
//
// Used by daemon/groups (and by what else must survive a restart). Backends:
// SQLite for one node (sqlite_store.h), etcd for a cluster (etcd/), memory for
// tests (memory_store.h). All of them pass store_conformance_test.cc, and
// nothing above this interface knows which one it has.
//
// Threads: every method may be called from any thread; calls are atomic and
// take effect in one order. They block for as long as the disk or the network
// takes: never call them where blocking is forbidden. Callbacks come from
// threads of the store, without a lock held; they may call the store, and must
// not destroy or revoke the watch or the lease that calls. Life: a store is
// open from its factory's return to its destructor; watches and leases go
// before it.
//
// Revisions: positive, and each committed transaction with operations has a
// greater one than all before it. They are not dense: what a store writes for
// itself, and in a cluster others, takes revisions too.
#ifndef ITHACA_DAEMON_STORE_STORE_H_
#define ITHACA_DAEMON_STORE_STORE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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
// Compares plus operations of one transaction. etcd takes 128; the rest is for
// what a backend adds.
inline constexpr size_t kMaxTxnOps = 120;

struct KeyValue {
  std::string key;
  std::string value;
  // Revision of the transaction that made the key, and of the last one that
  // wrote it.
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  // Lease that it ends with; 0: none.
  int64_t lease = 0;
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
  // For kPut only: the key goes when this lease does; 0: it stays, whatever
  // lease it had.
  int64_t lease = 0;

  static Op Put(std::string key, std::string value, int64_t lease = 0);
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

struct WatchEvent {
  enum class Kind { kPut, kDelete };
  Kind kind = Kind::kPut;
  // kDelete: the key, and the revision that deleted it as mod_revision; nothing
  // else is set.
  KeyValue entry;
};

// What a watcher is told at once.
struct WatchBatch {
  enum class Kind {
    // Every change since the batch before, by rising revision, each revision
    // whole and once. Without events it is a bookmark: nothing below the prefix
    // changed up to `revision`.
    kChanges,
    // The store no longer has every change since the batch before. The events
    // lead from what the watcher was told to what is there at `revision`: each
    // key at most once, deletions under `revision`.
    kResync,
    // Everything below the prefix at `revision`, as puts in key order. What
    // else the watcher knew is gone.
    kSnapshot,
  };
  Kind kind = Kind::kChanges;
  std::vector<WatchEvent> events;
  // Where the watcher is now: give it to Watch to go on from here.
  int64_t revision = 0;
};

using WatchCallback = std::function<void(const WatchBatch&)>;

// A watch that runs. The destructor ends it, and waits for a callback that
// runs.
class WatchHandle {
 public:
  virtual ~WatchHandle() = default;
};

// A promise of the store to keep keys for as long as their owner lives. The
// backend keeps it alive until Revoke or the destructor, which revokes too, and
// waits for a callback that runs.
class Lease {
 public:
  virtual ~Lease() = default;

  // Never 0.
  virtual int64_t id() const = 0;

  // How long the store keeps it at least if nothing more is heard from here;
  // 0: it is lost or revoked. Counted by a clock that goes on while this
  // process or its machine sleeps, from before the last renewal was sent: so 0
  // comes before the store lets go.
  virtual std::chrono::milliseconds Remaining() const = 0;

  // Ends it and deletes its keys, under one new revision. OK when it was over
  // already. Otherwise the keys go when the lease runs out (SQLite: when the
  // file is opened next).
  virtual absl::Status Revoke() = 0;
};

// Called at most once, not after Revoke has returned, when the lease may be
// over for a reason other than Revoke: at or before the moment at which the
// store may delete its keys. They are deleted by then or soon; the owner must
// not act as their owner any longer.
using LeaseLost = std::function<void(const absl::Status& why)>;

// Errors of every method: INVALID_ARGUMENT for a bound above that was crossed
// (nothing was changed); RESOURCE_EXHAUSTED when the disk is full (nothing was
// changed, and the call can be repeated when there is space); UNAVAILABLE when
// the medium failed or the cluster cannot be reached: what Txn was to write may
// or may not be there, so read again before going on. A store on a disk then
// refuses every call until it is opened again; one on a cluster answers when
// the cluster does. Every call ends within a bounded time. Messages name the
// file or the endpoints, the cause and the remedy.
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
  // revision. INVALID_ARGUMENT when two operations touch one key,
  // FAILED_PRECONDITION when a lease is not there; then nothing was changed.
  virtual absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                        const std::vector<Op>& ops) = 0;

  // The store's revision: at least that of every transaction that was committed
  // before the call.
  virtual absl::StatusOr<int64_t> Revision() = 0;

  // Tells `callback` of every change below `prefix` (empty: of all) after the
  // revision `after`, for ever: failures of a cluster are waited out. 0: begins
  // with a kSnapshot. The first call comes at once, if only as a bookmark. When
  // the store does not have all changes after `after` any more, it begins with
  // a kSnapshot too. Calls come one after another.
  virtual absl::StatusOr<std::unique_ptr<WatchHandle>> Watch(
      std::string_view prefix, int64_t after, WatchCallback callback) = 0;

  // A lease for at least `ttl`, which must be at least 1 s (a cluster may round
  // it up). `lost` may be empty. SQLite's and memory's leases are this
  // process's: they end with it, and are lost only when the store fails.
  virtual absl::StatusOr<std::unique_ptr<Lease>> Grant(
      std::chrono::milliseconds ttl, LeaseLost lost) = 0;

  // Writes all that is there, at one revision, to the file `path`, which is a
  // store of one node then; calls go on meanwhile. On failure there is no file.
  // UNIMPLEMENTED where the backend's own tools do it.
  virtual absl::Status Backup(const std::string& path);
};

// Checks the bounds of a transaction as every backend must: INVALID_ARGUMENT or
// OK.
absl::Status ValidateTxn(const std::vector<Compare>& compares,
                         const std::vector<Op>& ops);

// Checks a key: INVALID_ARGUMENT or OK.
absl::Status ValidateKey(std::string_view key);

// Checks the time of a lease: INVALID_ARGUMENT or OK.
absl::Status ValidateTtl(std::chrono::milliseconds ttl);

// What every backend says of a lease that is not there.
absl::Status LeaseNotFound(int64_t lease);

// The smallest key that is greater than every key beginning with `prefix`;
// empty: none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_STORE_H_
