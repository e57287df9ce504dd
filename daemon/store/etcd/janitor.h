// Deletes pieces of large values that no entry names any more.
//
// What a write replaced is deleted soon after it. What a writer left behind
// that died in between is found by a sweep, at the start and every few minutes:
// a piece of a writer whose lease is gone, and which its entry does not name,
// will never be named.
//
// Used by EtcdStore. Threads: any; works on its own. Life: goes before its
// client.
#ifndef ITHACA_DAEMON_STORE_ETCD_JANITOR_H_
#define ITHACA_DAEMON_STORE_ETCD_JANITOR_H_

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/layout.h"

namespace ithaca::store::etcd {

class Janitor {
 public:
  Janitor(Client* client, const Layout* layout);
  ~Janitor();

  // The pieces of this base are not named any more.
  void Discard(std::string base);

  // Sweeps now, in the caller's thread. Errors as Client::Explain.
  absl::Status Sweep();

 private:
  void Run();
  absl::Status Delete(const std::string& base);
  absl::StatusOr<bool> IsThere(const std::string& key);
  absl::StatusOr<bool> IsNamed(const PieceName& piece);
  absl::Status SweepValue(const PieceName& piece);

  Client* const client_;
  const Layout* const layout_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> discarded_;  // guarded by mutex_
  bool stop_ = false;                  // guarded by mutex_
  std::thread thread_;                 // last: uses all above
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_JANITOR_H_
