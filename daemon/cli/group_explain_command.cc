// ithacactl group explain.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"

namespace ithaca::cli {
namespace {

int RunGroupExplain(const Context& context) {
  const auto last = context.args.Count("last");
  if (!last.ok()) return context.Fail(last.status());
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  groups::v1::ExplainGroupRequest request;
  request.set_group_id(context.args.words()[0]);
  request.set_max_decisions(static_cast<uint32_t>(last->value_or(0)));
  const auto response = (*client)->ExplainGroup(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    context.out << ExplanationText(*response);
  }
  return kDone;
}

}  // namespace

Command GroupExplainCommand() {
  return {"group explain",
          "Says why a group is as it is, and what it waits for.",
          "NAME",
          1,
          {{"last", "N", "Prints the last N decisions. Default: 32."}},
          "What is waited for names the slots and members that are missing, "
          "who waits, and until\n"
          "when. The daemon remembers the last 128 decisions, since it was "
          "started.\n\n"
          "Example:\n  ithacactl group explain train-7 --last 10\n",
          RunGroupExplain};
}

}  // namespace ithaca::cli
