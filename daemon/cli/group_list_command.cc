// ithacactl group list.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"

namespace ithaca::cli {
namespace {

int RunGroupList(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto groups = (*client)->ListGroups();
  if (!groups.ok()) return context.Fail(groups.status());
  if (context.format == Format::kTable) {
    context.out << GroupTable(*groups);
    return kDone;
  }
  groups::v1::ListGroupsResponse all;
  for (const auto& group : *groups) *all.add_groups() = group;
  context.out << Render(all, context.format);
  return kDone;
}

}  // namespace

Command GroupListCommand() {
  return {"group list",
          "Lists the groups that you may use.",
          "",
          0,
          {},
          "Members are in `ithacactl group show`.\n\nExample:\n  ithacactl "
          "group list -o yaml\n",
          RunGroupList};
}

}  // namespace ithaca::cli
