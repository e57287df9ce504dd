// ithacactl group show.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"
#include "daemon/planner/plan_table.h"

namespace ithaca::cli {
namespace {

int RunGroupShow(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  groups::v1::GetGroupRequest request;
  request.set_group_id(context.args.words()[0]);
  request.set_include_plan(context.args.Has("plan"));
  request.set_include_sub_groups(true);
  const auto group = (*client)->GetGroup(request);
  if (!group.ok()) return context.Fail(group.status());
  if (context.format != Format::kTable) {
    context.out << Render(*group, context.format);
    return kDone;
  }
  context.out << GroupDetails(*group);
  if (group->has_plan())
    context.out << "\n" << planner::PlanTable(group->plan());
  return kDone;
}

}  // namespace

Command GroupShowCommand() {
  return {"group show",
          "Shows a group, why it is in its state, its members and sub-groups.",
          "NAME",
          1,
          {{"plan", "", "Shows the group's plan too."}},
          "Exit status 1: there is no such group, or it is another user's.\n\n"
          "Example:\n  ithacactl group show train-7 --plan\n",
          RunGroupShow};
}

}  // namespace ithaca::cli
