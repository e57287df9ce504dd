// What the members of one group published in the epoch in force, and who waits
// for what.
//
// Pure: no clock, no I/O, no locks; fencing is the caller's. Used by Group
// alone. Threads: confined to the caller's.
#ifndef ITHACA_DAEMON_GROUPS_BLOB_BOARD_H_
#define ITHACA_DAEMON_GROUPS_BLOB_BOARD_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/groups/refusal.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

class BlobBoard {
 public:
  explicit BlobBoard(const Limits& limits) : limits_(limits) {}

  // Adds a blob and answers those who wait for it. True: it is new; false: the
  // same bytes are there. BLOB_CONFLICT, LIMIT_EXCEEDED: nothing changed.
  Result<bool> Publish(Blob blob, Effects* effects);
  // Adds a blob from the store. False: it is there.
  bool Restore(Blob blob);
  struct Request {
    std::string name;
    // Who asks.
    uint32_t slot = 0;
    WaiterId waiter = 0;
    Millis deadline = 0;
  };
  // The blob; or nothing, and the waiter is answered later; or
  // BLOB_NOT_PUBLISHED when the deadline has passed. `situation` is a sentence
  // for that message.
  Result<std::optional<Blob>> Get(const Request& request, Millis now,
                                  const std::string& situation);
  void CancelWaiter(WaiterId waiter);
  // Forgets all blobs and refuses all waiters. True: there were blobs.
  bool Clear(const Refusal& why, Effects* effects);
  // Refuses the waiters whose deadline has come.
  void Tick(Millis now, const std::string& situation, Effects* effects);
  std::optional<Millis> NextDeadline() const;

  const std::map<std::string, Blob>& blobs() const { return blobs_; }
  // Of all blobs together.
  size_t bytes() const { return bytes_; }
  std::vector<Waiting> Waits() const;

 private:
  struct Waiter {
    Request request;
    Millis since = 0;
  };

  const Limits limits_;
  std::map<std::string, Blob> blobs_;
  size_t bytes_ = 0;
  std::map<WaiterId, Waiter> waiters_;
  std::map<std::string, std::set<WaiterId>> by_name_;
  std::set<std::pair<Millis, WaiterId>> due_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_BLOB_BOARD_H_
