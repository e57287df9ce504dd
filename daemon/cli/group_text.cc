#include "daemon/cli/group_text.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
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

std::string TimeText(const google::protobuf::Timestamp& time) {
  return google::protobuf::util::TimeUtil::ToString(time);
}

std::vector<std::string> MemberRow(const v1::Member& member) {
  const auto or_dash = [](const std::string& text) {
    return text.empty() ? std::string("-") : text;
  };
  return {member.parked() ? "spare" : absl::StrCat(member.slot()),
          member.member_id(),
          MemberWord(member.state()),
          or_dash(member.host()),
          or_dash(member.node()),
          absl::StrCat(member.pid()),
          absl::StrCat(member.incarnation())};
}

std::string MemberTable(const v1::Group& group) {
  std::vector<std::vector<std::string>> rows = {
      {"SLOT", "MEMBER", "HEALTH", "HOST", "NODE", "PID", "INCARNATION"}};
  for (const v1::Member& member : group.members())
    rows.push_back(MemberRow(member));
  for (const v1::Member& member : group.spares())
    rows.push_back(MemberRow(member));
  return Columns(rows);
}

std::string SubGroupTable(const v1::Group& group) {
  std::vector<std::vector<std::string>> rows = {{"AXIS", "RANKS", "SLOTS"}};
  for (const v1::SubGroup& sub_group : group.sub_groups()) {
    rows.push_back({sub_group.axis(), absl::StrCat(sub_group.slots_size()),
                    absl::StrJoin(sub_group.slots(), ", ")});
  }
  return Columns(rows);
}

std::string OnLossText(const v1::Group& group) {
  if (group.on_loss() != v1::ON_LOSS_REPLAN) return "waits for another member";
  return absl::StrCat("a new plan for those who remain, at least ",
                      group.min_size(), " ranks");
}

// Bytes that are text as they are, others in hexadecimal.
std::string Printable(const std::string& bytes) {
  const bool text = std::all_of(bytes.begin(), bytes.end(),
                                [](char c) { return absl::ascii_isprint(c); });
  return text ? bytes : "0x" + absl::BytesToHexString(bytes);
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
      {"on loss", OnLossText(group)},
      {"free slots", group.free_slots_size() == 0
                         ? "none"
                         : absl::StrJoin(group.free_slots(), ", ")},
      {"blobs", group.blob_names_size() == 0
                    ? "none"
                    : absl::StrJoin(group.blob_names(), ", ")},
  });
  if (group.has_last_commit()) {
    const v1::Committed& commit = group.last_commit();
    absl::StrAppend(
        &text,
        Columns({{"committed", absl::StrCat(Printable(commit.hash()),
                                            ", round ", commit.round(),
                                            " of epoch ", commit.epoch())}}));
  }
  if (group.members_size() + group.spares_size() > 0)
    absl::StrAppend(&text, "\n", MemberTable(group));
  if (group.sub_groups_size() > 0)
    absl::StrAppend(&text, "\n", SubGroupTable(group));
  return text;
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

std::string ExplanationText(const v1::ExplainGroupResponse& answer) {
  std::string text = absl::StrCat(
      answer.group().group_id(), ", epoch ", answer.group().epoch(), ": ",
      StateWord(answer.group().state()), ", ", answer.group().reason(), "\n\n");
  std::vector<std::vector<std::string>> rows = {{"WAITS FOR", "WHY"}};
  for (const v1::Waiting& waiting : answer.waits()) {
    rows.push_back(
        {waiting.reason_code(),
         absl::StrCat(
             waiting.reason(),
             waiting.waiting_slots_size() == 0
                 ? ""
                 : absl::StrCat("; slots that wait: ",
                                absl::StrJoin(waiting.waiting_slots(), ", ")),
             waiting.has_deadline()
                 ? absl::StrCat("; until ", TimeText(waiting.deadline()))
                 : "")});
  }
  absl::StrAppend(
      &text, rows.size() == 1 ? "waits for nothing\n" : Columns(rows), "\n");
  rows = {{"WHEN", "EPOCH", "WHAT", "WHY"}};
  for (const v1::Decision& decision : answer.decisions()) {
    rows.push_back({TimeText(decision.time()), absl::StrCat(decision.epoch()),
                    decision.reason_code(), decision.reason()});
  }
  return absl::StrCat(text, Columns(rows));
}

std::string ReplanText(const v1::ReplanGroupResponse& answer, bool dry) {
  const v1::Group& group = answer.group();
  std::string text = Columns({
      {dry ? "would run" : "runs", group.plan_hash()},
      {"ranks", absl::StrCat(group.size())},
      {"epoch", absl::StrCat(group.epoch(), dry ? ", and then a new one" : "")},
      {"why", answer.text()},
  });
  if (answer.moves_size() == 0) return text + "\nNobody changes slots.\n";
  std::vector<std::vector<std::string>> rows = {{"MEMBER", "FROM", "TO"}};
  for (const v1::SlotMove& move : answer.moves()) {
    rows.push_back(
        {move.member_id(), absl::StrCat(move.old_slot()),
         move.has_new_slot() ? absl::StrCat(move.new_slot()) : "spare"});
  }
  return absl::StrCat(text, "\n", Columns(rows));
}

}  // namespace ithaca::cli
