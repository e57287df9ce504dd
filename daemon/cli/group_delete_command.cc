// ithacactl group delete.

#include <ostream>

#include "daemon/cli/commands.h"

namespace ithaca::cli {
namespace {

int RunGroupDelete(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const std::string& name = context.args.words()[0];
  const absl::Status status =
      (*client)->DeleteGroup(name, context.args.Has("force"));
  if (!status.ok()) return context.Fail(status);
  if (context.format == Format::kTable) {
    context.out << "deleted " << name << "\n";
  } else {
    context.out << Render(groups::v1::DeleteGroupResponse(), context.format);
  }
  return kDone;
}

}  // namespace

Command GroupDeleteCommand() {
  return {"group delete",
          "Removes a group and what was published in it.",
          "NAME",
          1,
          {{"force", "", "Does so while it has members, whose streams end."}},
          "Groups without members are removed by themselves after an hour.\n\n"
          "Example:\n  ithacactl group delete train-7\n",
          RunGroupDelete};
}

}  // namespace ithaca::cli
