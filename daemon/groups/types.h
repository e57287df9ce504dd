// Values that the group state machine takes and gives.
//
// Used by everything in this folder. Threads: values; an Event never changes
// once made.
#ifndef ITHACA_DAEMON_GROUPS_TYPES_H_
#define ITHACA_DAEMON_GROUPS_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
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
// Names an open stream, or a waiting call, to the machine. Never reused.
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
  // What all groups of one user may have together, so that nobody takes all
  // that there is. Administrators may have more.
  size_t max_groups_per_user = 1024;
  size_t max_members_per_user = 131072;
  // JoinGroup and WatchGroup calls that are open.
  size_t max_streams_per_user = 32768;
  size_t max_blob_bytes_per_user = size_t{256} << 20;
  uint32_t max_group_size = 65536;
  size_t max_blob_bytes = 64 * 1024;
  size_t max_blobs_per_group = 4096;
  size_t max_blob_bytes_per_group = size_t{16} << 20;
  size_t max_waiters_per_group = 65536;
  // WatchGroup calls that are open, of one group and in all.
  size_t max_watchers_per_group = 16384;
  size_t max_watchers = 32768;
  size_t max_commit_bytes = 64;
  // Names of barriers that were passed, and barriers and votes that are open,
  // in one epoch.
  size_t max_meetings_per_group = 4096;
  // Events that a group remembers for watchers that come back.
  size_t max_history = 4096;
  size_t max_decisions = 128;
  // From a loss to the new plan: those who are lost together count together.
  Millis replan_settle_ms = 200;
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
  std::string node = {};
  // Has no slot, and waits for one.
  bool parked = false;
  // Attached, but its node is silent.
  bool suspect = false;
};

enum class EventType {
  kJoined,
  kResumed,
  kLost,
  kLeft,
  kComplete,
  kDeleted,
  kSuspect,
  kCleared,
  kParked,
  kPromoted,
  kDetached,
  kReplanned
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

// What all members of an epoch agreed on last.
struct Committed {
  // 0: never.
  uint64_t epoch = 0;
  uint64_t round = 0;
  std::string hash;
  int64_t unix_ms = 0;
};

enum class OnLoss { kWait, kReplan };
enum class ReplanGoal { kMostRanks, kFewestMoves };

// A dimension of a plan's mesh: its number in planner.v1.MeshAxis, and how many
// ranks it has.
struct Axis {
  int axis = 0;
  uint32_t degree = 0;
};
// From the slowest to the fastest: the last one's ranks have neighbouring
// numbers.
using Mesh = std::vector<Axis>;

// What a call that waited gets.
struct Waited {
  // Of GetBlob.
  Blob blob = {};
  // Of Commit.
  Committed committed = {};
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
  OnLoss on_loss = OnLoss::kWait;
  uint32_t min_size = 1;
  // What a new plan must satisfy: planner.v1.Constraints as bytes.
  std::string constraints = {};
  Mesh mesh = {};
  Committed last_commit = {};
  // How often its slots were numbered anew.
  uint64_t seating = 0;
  // Whether it was complete under this plan.
  bool formed = false;
  // The plan that it was created with.
  std::string first_plan_hash = {};
};

struct CreateCommand {
  std::string group_id;
  uint32_t size = 0;
  std::string plan_hash;
  int64_t wall_unix_ms = 0;
  OnLoss on_loss = OnLoss::kWait;
  // 0: 1.
  uint32_t min_size = 0;
  std::string constraints = {};
  Mesh mesh = {};
  // The plan as bytes, kept when the group is made. Empty: it is kept already.
  std::string plan = {};
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
  bool may_park = false;
};

struct JoinAnswer {
  uint32_t slot = 0;
  uint64_t incarnation = 0;
  bool resumed = false;
  bool parked = false;
};

// What the machine asks when a group needs another plan.
struct ReplanQuestion {
  std::string plan_hash;
  std::string constraints;
  // Ranks that are gone.
  std::vector<uint32_t> lost;
  uint32_t min_size = 1;
  ReplanGoal goal = ReplanGoal::kMostRanks;
};

struct ReplanAnswer {
  std::string plan_hash;
  // The plan as bytes.
  std::string plan;
  Mesh mesh;
  // For each rank of the plan the old one that it goes on as; none: nobody's.
  std::vector<std::optional<uint32_t>> old_ranks;
  uint64_t moved_tokens = 0;
  // Without a full stop.
  std::string text;
};
// Makes the plan, or says REPLAN_IMPOSSIBLE or what is wrong with the question.
using Replanner = std::function<Result<ReplanAnswer>(const ReplanQuestion&)>;

struct ReplanCommand {
  // Member and incarnation may be left out.
  Fence fence;
  std::vector<uint32_t> lost_slots;
  ReplanGoal goal = ReplanGoal::kMostRanks;
  bool dry_run = false;
};

struct ReplanOutcome {
  struct Move {
    std::string member_id;
    uint32_t old_slot = 0;
    // None: parked.
    std::optional<uint32_t> new_slot;
  };
  std::vector<Move> moves;
  ReplanAnswer answer;
};

// What was decided about a group, once.
struct Decision {
  Millis at = 0;
  uint64_t epoch = 0;
  std::string code;
  std::string text;
};

// What a group, or somebody in it, waits for.
struct Waiting {
  std::string code;
  std::string text;
  std::vector<uint32_t> missing_slots;
  std::vector<std::string> missing_members;
  std::vector<uint32_t> waiting_slots;
  std::optional<Millis> deadline;
};

// Numbers that are given out once.
struct Counters {
  uint64_t last_epoch = 0;
  uint64_t last_incarnation = 0;
  // The engine that holds the store, see claim.h.
  std::string claim = {};
};

// Parts of the state that differ from what the store has. What a part is now is
// read from the machine when it is written.
struct Dirty {
  bool counters = false;
  std::set<std::string> groups;
  // By incarnation.
  std::set<std::pair<std::string, uint64_t>> members;
  // Groups whose slots were numbered anew.
  std::set<std::string> seatings;
  std::set<std::pair<std::string, std::string>> blobs;
  // Names of barriers that were passed.
  std::set<std::pair<std::string, std::string>> barriers;
  // Hashes of plans that got their first, or lost their last, group.
  std::set<std::string> plans;
  // Groups whose blobs and barriers, or which themselves, are gone.
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
  struct WaitAnswer {
    WaiterId waiter = 0;
    Result<Waited> answer;
  };
  // A stream whose member has another slot than it was told.
  struct Assigned {
    std::string group_id;
    std::string member_id;
    StreamId stream = 0;
  };
  Dirty dirty;
  // Bytes of plans that are not kept yet, by hash.
  std::map<std::string, std::string> plans;
  std::vector<Notice> notices;
  std::vector<Assigned> assigned;
  // Groups that have another plan: everybody is told all of them again.
  std::set<std::string> renewed;
  std::vector<StreamEnd> ended;
  std::vector<WaitAnswer> answers;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_TYPES_H_
