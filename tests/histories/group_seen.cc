#include "tests/histories/group_seen.h"

#include <chrono>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/clients/cc/rpc_error.h"

namespace ithaca::histories {
namespace {

namespace v1 = groups::v1;

// Reasons of the daemon's, not of the group's.
bool IsDaemons(const std::string& reason) {
  return reason.empty() || reason == "STORE_FAILED" || reason == "DRAINING" ||
         reason == "NOT_COORDINATOR";
}

}  // namespace

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

GroupView ViewOf(const v1::Group& group) {
  GroupView view;
  view.epoch = group.epoch();
  view.sequence = group.sequence();
  for (const v1::Member& member : group.members())
    view.members[member.slot()] = {member.member_id(), member.incarnation()};
  for (const v1::Member& spare : group.spares())
    view.spares.push_back({spare.member_id(), spare.incarnation()});
  for (const std::string& name : group.blob_names()) view.blobs.insert(name);
  if (group.has_last_commit()) {
    const v1::Committed& commit = group.last_commit();
    view.commit = {commit.epoch(), absl::StrCat(commit.round()), commit.hash()};
  }
  return view;
}

std::string WholeText(const v1::Group& group) {
  GroupView view = ViewOf(group);
  // Blobs and commits are no events.
  view.blobs.clear();
  view.commit = {};
  return Show(view);
}

WatchEvent EventOf(const v1::GroupEvent& event) {
  return {static_cast<int64_t>(event.sequence()), "group",
          absl::StrCat(v1::EventType_Name(event.type()), " epoch ",
                       event.epoch(), " ", event.member().member_id(), "/",
                       event.member().incarnation(), " slot ",
                       event.member().slot(), " ", event.reason_code())};
}

Outcome Conclude(const grpc::Status& status, bool sure, GroupCall* call) {
  call->answered = true;
  if (status.ok()) return Outcome::kOk;
  const absl::Status why = client::FromRpc(status);
  const std::string reason = client::ReasonOf(why);
  if (!IsDaemons(reason)) {
    call->reason = reason;
    call->told_epoch = client::CurrentEpochOf(why);
    return Outcome::kRefused;
  }
  call->answered = false;
  return reason == "STORE_FAILED" && sure ? Outcome::kNothing
                                          : Outcome::kUnknown;
}

}  // namespace ithaca::histories
