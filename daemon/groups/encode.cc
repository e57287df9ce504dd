#include "daemon/groups/encode.h"

#include <utility>

#include "daemon/groups/convert.h"

namespace ithaca::groups {
namespace {

constexpr int kGroup = v1::WatchGroupResponse::kGroupFieldNumber;
constexpr int kEvents = v1::WatchGroupResponse::kEventsFieldNumber;
static_assert(v1::JoinGroupResponse::kGroupFieldNumber == kGroup &&
                  v1::JoinGroupResponse::kEventsFieldNumber == kEvents,
              "one encoding serves both streams");

}  // namespace

grpc::Slice Encode(const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  grpc::Slice slice(size);
  // Nobody else has it yet.
  auto* bytes = const_cast<uint8_t*>(slice.begin());
  message.SerializeWithCachedSizesToArray(bytes);
  return slice;
}

SnapshotPtr EncodeSnapshot(const Group& group) {
  v1::WatchGroupResponse response;
  *response.mutable_group() = ToMessage(group);
  return std::make_shared<const Snapshot>(
      Snapshot{Encode(response), group.record().sequence, group.complete()});
}

grpc::Slice EncodeSummary(const Group& group) {
  v1::WatchGroupResponse response;
  *response.mutable_group() = ToSummary(group);
  return Encode(response);
}

grpc::Slice EncodeEvents(const std::vector<EventPtr>& events) {
  v1::WatchGroupResponse response;
  for (const EventPtr& event : events)
    *response.add_events() = ToMessage(*event);
  return Encode(response);
}

grpc::Slice EncodeJoined(v1::Joined joined) {
  v1::JoinGroupResponse response;
  *response.mutable_joined() = std::move(joined);
  return Encode(response);
}

grpc::Slice EncodePlan(const planner::v1::Plan& plan) {
  v1::WatchGroupResponse response;
  *response.mutable_group()->mutable_plan() = plan;
  return Encode(response);
}

grpc::Slice EncodeBookmark(uint64_t sequence) {
  v1::WatchGroupResponse response;
  response.set_bookmark(sequence);
  return Encode(response);
}

}  // namespace ithaca::groups
