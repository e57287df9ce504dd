#include "daemon/cluster/forward_wire.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/groups/rpc_status.h"
#include "ithaca/cluster/v1/forward.pb.h"

namespace ithaca::cluster {
namespace {

// Room for what later versions may add.
constexpr size_t kMaxFarewellBytes = 1024;

std::string Flatten(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string flat;
  if (!bytes.Dump(&slices).ok()) return flat;
  for (const grpc::Slice& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return flat;
}

}  // namespace

grpc::ByteBuffer WriteFarewell(groups::StreamFate fate) {
  v1::StreamEnd end;
  end.set_reason(fate == groups::StreamFate::kProcessExited
                     ? v1::STREAM_END_REASON_PROCESS_EXITED
                     : v1::STREAM_END_REASON_BROKEN);
  const grpc::Slice slice(end.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::optional<groups::StreamFate> ReadFarewell(const grpc::ByteBuffer& bytes) {
  v1::StreamEnd end;
  if (!bytes.Valid() || bytes.Length() > kMaxFarewellBytes ||
      !end.ParseFromString(Flatten(bytes))) {
    return std::nullopt;
  }
  switch (end.reason()) {
    case v1::STREAM_END_REASON_BROKEN:
      return groups::StreamFate::kBroken;
    case v1::STREAM_END_REASON_PROCESS_EXITED:
      return groups::StreamFate::kProcessExited;
    default:
      return std::nullopt;
  }
}

groups::Refusal NotCoordinator(const std::string& why,
                               const std::string& node) {
  groups::Refusal refusal{
      absl::StatusCode::kUnavailable,
      "NOT_COORDINATOR",
      why,
      "call again; groups and epochs are kept. If it lasts, see whether the "
      "daemons of the cluster run and reach their store",
      {}};
  if (!node.empty()) refusal.facts["coordinator"] = node;
  return refusal;
}

grpc::Status StatusForDown(const grpc::Status& status, bool here) {
  if (status.ok() || !status.error_details().empty()) return status;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
      break;
    case grpc::StatusCode::UNKNOWN:
      // The transport's word for a connection that is gone.
      if (!here) break;
      return status;
    default:
      return status;
  }
  return groups::ToRpcStatus(NotCoordinator(
      here ? "the groups are being handed to another daemon"
           : absl::StrCat("the coordinator of the groups cannot be reached: ",
                          status.error_message()),
      ""));
}

grpc::Status UnexpectedMessage() {
  return groups::ToRpcStatus(groups::InvalidRequest(
      "request: is followed by another message", "send one"));
}

}  // namespace ithaca::cluster
