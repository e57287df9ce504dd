// ithacactl group watch.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"
#include "daemon/clients/cc/rpc_error.h"

namespace ithaca::cli {
namespace {

namespace v1 = groups::v1;

void Print(const Context& context, const v1::WatchGroupResponse& message) {
  if (context.format != Format::kTable) {
    context.out << Render(message, context.format);
    if (context.format == Format::kYaml) context.out << "---\n";
  } else {
    if (message.has_group())
      context.out << GroupDetails(message.group()) << "\n";
    for (const v1::GroupEvent& event : message.events())
      context.out << EventLine(event);
  }
  context.out.flush();
}

int RunGroupWatch(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto after = context.args.Count("after");
  if (!after.ok()) return context.Fail(after.status());
  const auto stub = v1::GroupsService::NewStub((*client)->channel());
  grpc::ClientContext call;
  v1::WatchGroupRequest request;
  request.set_group_id(context.args.words()[0]);
  request.set_after_sequence(after->value_or(0));
  const auto reader = stub->WatchGroup(&call, request);
  v1::WatchGroupResponse message;
  while (reader->Read(&message)) Print(context, message);
  const absl::Status status = client::FromRpc(reader->Finish());
  return status.ok() ? kDone : context.Fail(status);
}

}  // namespace

Command GroupWatchCommand() {
  return {
      "group watch",
      "Prints a group, and then what happens to it, until it is deleted.",
      "NAME",
      1,
      {{"after", "N", "Goes on after event N instead of printing the group."}},
      "Example:\n  ithacactl group watch train-7\n",
      RunGroupWatch};
}

}  // namespace ithaca::cli
