// Values that the group state machine takes and gives.
//
// Used by everything in this folder. Threads: values; an Event never changes
// once made.
#ifndef ITHACA_DAEMON_GROUPS_TYPES_H_
#define ITHACA_DAEMON_GROUPS_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/groups/refusal.h"

namespace ithaca::groups {

// Milliseconds of a clock that never goes back. Only differences mean anything.
using Millis = int64_t;
// Names an open stream, or a waiting GetBlob, to the machine. Never reused.
using StreamId = uint64_t;
using WaiterId = uint64_t;

// Who calls, as the kernel says.
struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t pid = 0;
  // May use every group: root, and the user that the daemon runs as.
  bool admin = false;
  // Node whose daemon took the call. Empty: this one.
  std::string node = {};
  // When process `pid` started, see ProcessWatch; 0: not seen.
  uint64_t process_started = 0;
};

struct Limits {
  size_t max_groups = 4096;
  uint32_t max_group_size = 65536;
  size_t max_blob_bytes = 64 * 1024;
  size_t max_blobs_per_group = 4096;
  size_t max_blob_bytes_per_group = size_t{16} << 20;
  size_t max_waiters_per_group = 65536;
  // Events that a group remembers for watchers that come back.
  size_t max_history = 4096;
  // How long a member may stay away after a restart of the daemon.
  Millis detach_grace_ms = 30'000;
  // How long a group without members is kept.
  Millis empty_ttl_ms = 3'600'000;
  Millis default_formation_timeout_ms = 600'000;
  Millis max_wait_ms = 24 * 3'600'000;
};

struct Member {
  std::string id;
  uint32_t slot = 0;
  uint64_t incarnation = 0;
  std::string host;
  uint32_t pid = 0;
  std::string endpoint;
  bool attached = false;
};

enum class EventType {
  kJoined,
  kResumed,
  kLost,
  kLeft,
  kComplete,
  kDeleted,
  kSuspect
};

struct Event {
  uint64_t sequence = 0;
  EventType type = EventType::kJoined;
  uint64_t epoch = 0;
  std::optional<Member> member;
  std::string reason_code;
  std::string reason;
};
using EventPtr = std::shared_ptr<const Event>;

struct Fence {
  std::string group_id;
  uint64_t epoch = 0;
  std::string member_id;
  uint64_t incarnation = 0;
};

struct Blob {
  std::string name;
  uint64_t epoch = 0;
  uint32_t publisher_slot = 0;
  std::shared_ptr<const std::string> data;
};

// What is kept on disk of a group itself.
struct GroupRecord {
  std::string id;
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  uint32_t size = 0;
  std::string plan_hash;
  uint32_t owner_uid = 0;
  int64_t create_unix_ms = 0;
  std::string reason_code;
  std::string reason;
};

struct CreateCommand {
  std::string group_id;
  uint32_t size = 0;
  std::string plan_hash;
  int64_t wall_unix_ms = 0;
};

struct JoinCommand {
  std::string group_id;
  std::string member_id;
  std::optional<uint32_t> slot;
  // 0: a new life.
  uint64_t incarnation = 0;
  std::string host;
  std::string endpoint;
  // 0: the default.
  Millis formation_timeout_ms = 0;
};

struct JoinAnswer {
  uint32_t slot = 0;
  uint64_t incarnation = 0;
  bool resumed = false;
};

// Numbers that are given out once.
struct Counters {
  uint64_t last_epoch = 0;
  uint64_t last_incarnation = 0;
};

// Parts of the state that differ from what the store has. What a part is now is
// read from the machine when it is written.
struct Dirty {
  bool counters = false;
  std::set<std::string> groups;
  std::set<std::pair<std::string, uint32_t>> slots;
  std::set<std::pair<std::string, std::string>> blobs;
  // Hashes of plans that got their first, or lost their last, group.
  std::set<std::string> plans;
  // Groups whose blobs, or which themselves, are gone.
  std::set<std::string> cleared;
  std::set<std::string> erased;

  bool empty() const;
  size_t size() const;
  // Whether it must be written before anything is added: a transaction is
  // bounded, and cannot both delete a prefix and write below it.
  bool full() const;
};

// What the world must be told, after the dirty parts are durable and not
// before.
struct Effects {
  struct Notice {
    std::string group_id;
    EventPtr event;
  };
  struct StreamEnd {
    StreamId stream = 0;
    // Nothing: the stream ends well.
    std::optional<Refusal> why;
  };
  struct BlobAnswer {
    WaiterId waiter = 0;
    Result<Blob> answer;
  };
  Dirty dirty;
  std::vector<Notice> notices;
  std::vector<StreamEnd> ended;
  std::vector<BlobAnswer> answers;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_TYPES_H_
