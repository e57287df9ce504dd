// Writes to etcd whose outcome is always known, or known to be unknown.
//
// etcd does not say whether a write was done when the connection, or the
// leader, goes before the answer; it may even be done later. So each
// transaction also writes a unique id into a slot, a key of this writer, and
// holds only if the slot has still the revision that it is known to have. To
// find out, the slot is written on the same condition: either that is done, and
// the late write can no longer hold; or the slot has the id, and it was done.
// Every write of a slot has that form, so that none of them does harm when it
// comes late or twice.
//
// Slots belong to the writer's lease. Without the lease they are gone, and
// nothing that was sent under it holds any more: what a writer without a lease
// left behind can be swept.
//
// Used by EtcdStore. Threads: a session from any, a slot by who acquired it.
// Life: goes before its client.
#ifndef ITHACA_DAEMON_STORE_ETCD_SESSION_H_
#define ITHACA_DAEMON_STORE_ETCD_SESSION_H_

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/etcd_rpc.pb.h"
#include "daemon/store/etcd/kept_lease.h"
#include "daemon/store/etcd/layout.h"

namespace ithaca::store::etcd {

struct Slot {
  std::string key;
  // Revision that wrote it last; 0: it must be written first.
  int64_t revision = 0;
};

enum class Outcome {
  kCommitted,
  // The caller's compares did not hold; nothing was done.
  kNotHeld,
  // Nothing was done: the slot went, with the lease. Begin a new session.
  kSlotGone,
  // etcd refused it; nothing was done.
  kRefused,
  // It was not done in time, and never will be.
  kNever,
  // It may have been done, but will not be done later.
  kUnknownButOver,
  // It may have been done, now or later: settle the slot before it, or any
  // reading, is used.
  kUnknown,
};

struct WriteResult {
  Outcome outcome = Outcome::kUnknown;
  int64_t revision = 0;
  // For kRefused, kNever and kUnknown: why.
  grpc::Status status;
  // For kCommitted, unless the answer was lost: what etcd said to each
  // operation.
  etcdserverpb::TxnResponse response;
};

class Session {
 public:
  // Takes a lease and says that this writer lives. Errors as Client::Explain.
  static absl::StatusOr<std::shared_ptr<Session>> Begin(Client* client,
                                                        const Layout* layout,
                                                        Time deadline);

  // Unique among all writers, ever.
  const std::string& writer() const { return writer_; }
  bool lost() const { return lease_->Remaining().count() == 0; }
  // A number that it gave to nobody before.
  uint64_t NextNumber() { return ++last_number_; }

  // A slot that nobody uses, written at least once. Waits for one. UNAVAILABLE
  // after the deadline.
  absl::StatusOr<Slot*> Acquire(Time deadline);
  void Release(Slot* slot);

  // Runs the transaction through the slot: its compares are in `request`, its
  // operations too. If the answer is lost, finds out until `deadline`.
  WriteResult Write(Slot* slot, const etcdserverpb::TxnRequest& request,
                    std::chrono::milliseconds timeout, Time deadline);

  // Sees to it that no write that was sent through the slot is done after this:
  // OK, or it could not until the deadline. Several threads may do so at once;
  // the slot is to be written anew afterwards (revision 0).
  absl::Status Settle(const Slot& slot, Time deadline);

  // Whether the lease is still there, as the servers say.
  absl::StatusOr<bool> LeaseIsThere(Time deadline);

  void End() { (void)lease_->Revoke(); }

 private:
  Session(Client* client, const Layout* layout, std::string writer)
      : client_(client), layout_(layout), writer_(std::move(writer)) {}
  absl::Status FirstWrite(Slot* slot, Time deadline);
  WriteResult Understand(Slot* slot, etcdserverpb::TxnResponse response) const;
  // What became of the write `id`.
  WriteResult FindOut(Slot* slot, const std::string& id, Time deadline);
  // Puts `value` into the slot if it has still its revision; reads it if not.
  absl::StatusOr<etcdserverpb::TxnResponse> Swap(const Slot& slot,
                                                 const std::string& value,
                                                 Time deadline);
  std::string NewId() { return absl::StrCat(writer_, "-", NextNumber()); }

  Client* const client_;
  const Layout* const layout_;
  const std::string writer_;
  std::unique_ptr<KeptLease> lease_;
  std::atomic<uint64_t> last_number_{0};
  std::mutex mutex_;
  std::condition_variable free_changed_;
  std::vector<std::unique_ptr<Slot>> slots_;  // guarded by mutex_
  std::vector<Slot*> free_;                   // guarded by mutex_
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_SESSION_H_
