// What streams of groups send, as bytes that many of them share.
//
// Both stream responses give `group` and `events` the same field numbers, and
// protobuf reads messages that are put one after another as one message. So a
// response is made of parts that were encoded apart. No part may be repeated,
// but for events.
//
// Used by GroupsService and Fanout. Threads: pure functions.
#ifndef ITHACA_DAEMON_GROUPS_ENCODE_H_
#define ITHACA_DAEMON_GROUPS_ENCODE_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <vector>

#include "daemon/groups/group.h"
#include "daemon/groups/types.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

// A whole group, encoded once for all who are sent it. Immutable.
struct Snapshot {
  // A message of either stream response, with `group`.
  grpc::Slice bytes;
  uint64_t sequence = 0;
  bool complete = false;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

grpc::Slice Encode(const google::protobuf::MessageLite& message);
SnapshotPtr EncodeSnapshot(const Group& group);
// A response with a `group` without those who are in it.
grpc::Slice EncodeSummary(const Group& group);
// A response with these events.
grpc::Slice EncodeEvents(const std::vector<EventPtr>& events);
// A JoinGroupResponse with `joined`.
grpc::Slice EncodeJoined(v1::Joined joined);
// A response with a `group` that has nothing but the plan.
grpc::Slice EncodePlan(const planner::v1::Plan& plan);
// A WatchGroupResponse that says that the reader has all up to this number.
grpc::Slice EncodeBookmark(uint64_t sequence);

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_ENCODE_H_
