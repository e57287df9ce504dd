// The open streams of all groups: whose life each holds, and who is told what.
// The telling itself is Fanout's.
//
// Used by GroupsService. Threads: the engine's only, but for the hooks of the
// streams that NewStream makes. Life: every stream that was made must have been
// added, and its call be over, before the destructor.
#ifndef ITHACA_DAEMON_GROUPS_STREAM_HUB_H_
#define ITHACA_DAEMON_GROUPS_STREAM_HUB_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "daemon/groups/encode.h"
#include "daemon/groups/fanout.h"
#include "daemon/groups/group_machine.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

class StreamHub {
 public:
  // The life that a member's stream holds; none: a watcher.
  struct Life {
    std::string member_id;
    uint64_t incarnation = 0;
  };

  explicit StreamHub(Fanout::Options options) : fanout_(std::move(options)) {}

  // The stream of a call; `on_broken` and `on_done` as in EventStream. Any
  // thread.
  EventStream* NewStream(StreamId id, std::function<void()> on_broken,
                         std::function<void()> on_done);
  // From now on the stream hears of the group. The hub owns it until Remove.
  void Add(StreamId id, const std::string& group_id, std::optional<Life> life,
           Fanout::Start start, EventStream* stream);
  // The call ends at once; Remove must follow all the same.
  void Refuse(StreamId id, const Refusal& why, EventStream* stream);
  // Forgets and deletes a stream that gRPC is done with.
  void Remove(StreamId id);
  // Its group; empty: unknown.
  std::string GroupOf(StreamId id) const;

  // Tells the groups' streams: what happened, who has another slot, which
  // groups have another plan. The end of a group ends its watchers. `machine`
  // is as it is after that; null: notices alone are told.
  void Deliver(const Effects& effects, const GroupMachine* machine);
  // The group as it is, encoded at most once per change. The group must have
  // streams.
  SnapshotPtr SnapshotOf(const Group& group);
  // To streams of the group that are behind.
  void Offer(const Group& group);
  // The stream no longer holds its member's life.
  void End(const Effects::StreamEnd& end);
  void EndAll(const grpc::Status& status);
  // See EngineListener::Reattach.
  void Reattach(GroupMachine* machine);

  size_t size() const { return streams_.size(); }

 private:
  struct Entry {
    std::string group_id;
    std::optional<Life> life;
  };
  struct Listeners {
    size_t streams = 0;
    // Whether there are some to whom the complete group must be sent.
    bool quiet = false;
    // The latest, and what it was made of.
    SnapshotPtr snapshot;
    uint64_t epoch = 0;
    size_t blobs = 0;
    // Epoch and round: rounds begin again with each epoch.
    std::pair<uint64_t, uint64_t> commit;
  };

  // What is told with the news of a group that has another plan, or another
  // slot for somebody.
  static void AddAssigned(const Effects& effects, const Group& group,
                          News* news);

  std::unordered_map<StreamId, Entry> streams_;
  std::unordered_map<std::string, Listeners> by_group_;
  Fanout fanout_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_STREAM_HUB_H_
