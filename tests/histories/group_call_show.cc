#include "absl/strings/str_cat.h"
#include "tests/histories/group_model.h"

namespace ithaca::histories {
namespace {

using Kind = GroupCall::Kind;

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kCreate:
      return "Create";
    case Kind::kJoin:
      return "Join";
    case Kind::kResume:
      return "Resume";
    case Kind::kLeave:
      return "Leave";
    case Kind::kLost:
      return "(loss)";
    case Kind::kPublish:
      return "PublishBlob";
    case Kind::kGetBlob:
      return "GetBlob";
    case Kind::kGet:
      return "Get";
    case Kind::kDelete:
      return "Delete";
    case Kind::kArrive:
      return "(arrival)";
    case Kind::kMeet:
      return "Meet";
  }
  return "";
}

std::string ShowAnswer(const GroupCall& call) {
  if (!call.reason.empty())
    return call.told_epoch == 0
               ? call.reason
               : absl::StrCat(call.reason, ", in force ", call.told_epoch);
  switch (call.kind) {
    case Kind::kCreate:
      return absl::StrCat(call.created ? "made, " : "found, ", Show(call.view));
    case Kind::kJoin:
    case Kind::kResume:
      return absl::StrCat(
          call.parked ? "parked" : absl::StrCat("slot ", call.got_slot),
          ", incarnation ", call.got_incarnation, ", ", Show(call.view));
    case Kind::kGet:
      return Show(call.view);
    case Kind::kLeave:
      return absl::StrCat("epoch ", call.told_epoch);
    case Kind::kGetBlob:
      return call.got_data;
    default:
      return "done";
  }
}

}  // namespace

std::string Show(const GroupCall& call) {
  std::string text = NameOf(call.kind);
  if (!call.member.empty())
    absl::StrAppend(&text, " by ", call.member, "/", call.incarnation);
  if (call.epoch != 0) absl::StrAppend(&text, " under epoch ", call.epoch);
  if (call.slot.has_value()) absl::StrAppend(&text, " for slot ", *call.slot);
  if (call.may_park) absl::StrAppend(&text, " or parked");
  if (!call.meeting.first.empty())
    absl::StrAppend(&text, " at ", call.meeting.first, "#", call.meeting.second,
                    " with ", call.data, ", attempt ", call.attempt);
  if (!call.name.empty())
    absl::StrAppend(&text, " ", call.name, "=", call.data);
  if (call.force) absl::StrAppend(&text, " with force");
  if (call.answered) absl::StrAppend(&text, " -> ", ShowAnswer(call));
  return text;
}

}  // namespace ithaca::histories
