// ithacactl group replan.

#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"
#include "daemon/cli/option_values.h"

namespace ithaca::cli {
namespace {

namespace v1 = groups::v1;

constexpr char kHelp[] =
    "Gives a group another plan and a new epoch: for those who are there, "
    "without the nodes of\n"
    "--lost-nodes and the slots of --lost-slots. Slots that nobody holds are "
    "given up. Members\n"
    "without a place in the new plan park as spares. Exit status 1: no plan is "
    "possible.\n"
    "\n"
    "Examples:\n"
    "  ithacactl group replan train-7 --dry-run\n"
    "  ithacactl group replan train-7 --lost-nodes node3,node4\n";

absl::Status FillLost(const Context& context, v1::ReplanGroupRequest* request) {
  if (context.args.Has("lost-nodes")) {
    for (const absl::string_view node :
         absl::StrSplit(context.args.Get("lost-nodes"), ','))
      request->add_lost_nodes(std::string(node));
  }
  if (!context.args.Has("lost-slots")) return absl::OkStatus();
  for (const absl::string_view text :
       absl::StrSplit(context.args.Get("lost-slots"), ',')) {
    uint32_t slot = 0;
    if (!absl::SimpleAtoi(text, &slot)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--lost-slots: ", text,
                       " is not a slot; give numbers with commas between"));
    }
    request->add_lost_slots(slot);
  }
  return absl::OkStatus();
}

int RunGroupReplan(const Context& context) {
  v1::ReplanGroupRequest request;
  absl::Status filled = FillLost(context, &request);
  v1::ReplanGoal goal = v1::REPLAN_GOAL_MOST_RANKS;
  if (filled.ok()) {
    filled = FillWord<v1::ReplanGoal>(
        context, "goal",
        {{"most-ranks", v1::REPLAN_GOAL_MOST_RANKS},
         {"fewest-moves", v1::REPLAN_GOAL_FEWEST_MOVES}},
        &goal);
  }
  if (!filled.ok()) return context.Fail(filled);
  request.set_goal(goal);
  request.set_dry_run(context.args.Has("dry-run"));
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const std::string& name = context.args.words()[0];
  const auto group = (*client)->GetGroup(name, false);
  if (!group.ok()) return context.Fail(group.status());
  // What is decided now is decided about the group as it was just read.
  request.mutable_fence()->set_group_id(name);
  request.mutable_fence()->set_epoch(group->epoch());
  const auto response = (*client)->ReplanGroup(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    context.out << ReplanText(*response, request.dry_run());
  }
  return kDone;
}

}  // namespace

Command GroupReplanCommand() {
  return {"group replan",
          "Gives a group a new plan for those who are there.",
          "NAME",
          1,
          {{"lost-nodes", "A,B", "Gives up all slots of these nodes."},
           {"lost-slots", "I,J", "Gives up these slots."},
           {"goal", "WHAT",
            "most-ranks (default), or fewest-moves: move as little as can be."},
           {"dry-run", "", "Only prints what would be done."}},
          kHelp,
          RunGroupReplan};
}

}  // namespace ithaca::cli
