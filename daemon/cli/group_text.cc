#include "daemon/cli/group_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "daemon/cli/output.h"

namespace ithaca::cli {
namespace {

namespace v1 = groups::v1;

constexpr size_t kShownHash = 12;

// "GROUP_STATE_FORMING" -> "forming".
std::string Word(const std::string& name, const std::string& prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

std::string StateWord(v1::GroupState state) {
  return Word(v1::GroupState_Name(state), "GROUP_STATE_");
}

std::string MemberWord(v1::MemberState state) {
  return Word(v1::MemberState_Name(state), "MEMBER_STATE_");
}

}  // namespace

std::string GroupTable(const std::vector<v1::Group>& groups) {
  std::vector<std::vector<std::string>> rows = {
      {"GROUP", "STATE", "RANKS", "EPOCH", "OWNER", "PLAN", "WHY"}};
  for (const v1::Group& group : groups) {
    rows.push_back({group.group_id(), StateWord(group.state()),
                    absl::StrCat(group.size()), absl::StrCat(group.epoch()),
                    absl::StrCat(group.owner_uid()),
                    group.plan_hash().substr(0, kShownHash), group.reason()});
  }
  return Columns(rows);
}

std::string GroupDetails(const v1::Group& group) {
  std::string text = Columns({
      {"group", group.group_id()},
      {"state", absl::StrCat(StateWord(group.state()), ": ", group.reason())},
      {"epoch", absl::StrCat(group.epoch())},
      {"ranks",
       absl::StrCat(group.size(), ", ", group.members_size(), " here")},
      {"plan", group.plan_hash()},
      {"owner", absl::StrCat("uid ", group.owner_uid())},
      {"free slots", group.free_slots_size() == 0
                         ? "none"
                         : absl::StrJoin(group.free_slots(), ", ")},
      {"blobs", group.blob_names_size() == 0
                    ? "none"
                    : absl::StrJoin(group.blob_names(), ", ")},
  });
  if (group.members_size() == 0) return text;
  std::vector<std::vector<std::string>> rows = {
      {"SLOT", "MEMBER", "STATE", "HOST", "PID", "INCARNATION"}};
  for (const v1::Member& member : group.members()) {
    rows.push_back({absl::StrCat(member.slot()), member.member_id(),
                    MemberWord(member.state()),
                    member.host().empty() ? "-" : member.host(),
                    absl::StrCat(member.pid()),
                    absl::StrCat(member.incarnation())});
  }
  return absl::StrCat(text, "\n", Columns(rows));
}

std::string EventLine(const v1::GroupEvent& event) {
  std::string line =
      absl::StrCat("#", event.sequence(), " epoch ", event.epoch(), " ",
                   Word(v1::EventType_Name(event.type()), "EVENT_TYPE_"));
  if (event.has_member()) {
    absl::StrAppend(&line, " ", event.member().member_id(), " (slot ",
                    event.member().slot(), ")");
  }
  if (!event.reason_code().empty()) {
    absl::StrAppend(&line, " ", event.reason_code(), ": ", event.reason());
  }
  return line + "\n";
}

}  // namespace ithaca::cli
