// The open streams of all groups, and who is told what.
//
// Used by GroupsService, on the engine's thread only.
#ifndef ITHACA_DAEMON_GROUPS_STREAM_HUB_H_
#define ITHACA_DAEMON_GROUPS_STREAM_HUB_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/groups/event_stream.h"
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

  // From now on the stream hears of the group. The hub owns it until Remove.
  void Add(StreamId id, const std::string& group_id, std::optional<Life> life,
           std::unique_ptr<EventStream> stream);
  // Forgets and deletes a stream that gRPC is done with.
  void Remove(StreamId id);
  // Null: unknown.
  EventStream* Find(StreamId id);
  // Its group; empty: unknown.
  std::string GroupOf(StreamId id) const;

  // Tells the groups' streams. The end of a group ends its watchers.
  void Deliver(const std::vector<Effects::Notice>& notices);
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
    // Shared with nobody; the entry is the owner.
    std::unique_ptr<EventStream> stream;
  };

  std::unordered_map<StreamId, Entry> streams_;
  std::map<std::string, std::vector<StreamId>> by_group_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_STREAM_HUB_H_
