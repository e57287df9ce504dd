// ithacactl group create.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/group_text.h"
#include "daemon/cli/input.h"
#include "daemon/cli/option_values.h"
#include "daemon/cli/plan_input.h"
#include "daemon/cli/plan_options.h"

namespace ithaca::cli {
namespace {

namespace v1 = groups::v1;

constexpr char kHelp[] =
    "Makes the group NAME from a plan: that of the options, which are those of "
    "`plan`; that of\n"
    "--plan, in JSON as `plan -o json` prints it; or one of --hash, which the "
    "daemon made or saw\n"
    "lately. Ranks join it by its name. When one is lost and no spare is "
    "parked, the group waits\n"
    "for another, or, with --on-loss replan, those who remain get a new plan "
    "and go on.\n"
    "Exit status 1: it cannot be made; the text says why and what to do.\n"
    "\n"
    "Examples:\n"
    "  ithacactl group create train-7 --model llama-3.1-8b --seq-len 128K "
    "--ranks 8 \\\n"
    "      --on-loss replan --min-size 4\n"
    "  ithacactl plan ... -o json > plan.json; ithacactl group create train-7 "
    "--plan plan.json\n";

absl::Status FillSource(const Context& context,
                        v1::CreateGroupRequest* request) {
  if (context.args.Has("hash")) {
    request->set_plan_hash(context.args.Get("hash"));
    return absl::OkStatus();
  }
  if (context.args.Has("plan")) {
    const std::string path = context.args.Get("plan");
    const absl::StatusOr<std::string> json = ReadInput(context, path);
    if (!json.ok()) return json.status();
    return ParsePlan(path, *json, request->mutable_plan());
  }
  const auto plan = BuildPlanRequest(context, Length::kRequired);
  if (!plan.ok()) return plan.status();
  *request->mutable_plan_request() = *plan;
  return absl::OkStatus();
}

absl::Status FillRequest(const Context& context,
                         v1::CreateGroupRequest* request) {
  request->set_group_id(context.args.words()[0]);
  absl::Status s = FillSource(context, request);
  if (!s.ok()) return s;
  v1::OnLoss on_loss = v1::ON_LOSS_WAIT;
  s = FillWord<v1::OnLoss>(
      context, "on-loss",
      {{"wait", v1::ON_LOSS_WAIT}, {"replan", v1::ON_LOSS_REPLAN}}, &on_loss);
  if (!s.ok()) return s;
  request->set_on_loss(on_loss);
  return FillCount(context, "min-size", 1,
                   [request](uint32_t n) { request->set_min_size(n); });
}

int RunGroupCreate(const Context& context) {
  v1::CreateGroupRequest request;
  const absl::Status filled = FillRequest(context, &request);
  if (!filled.ok()) return context.Fail(filled);
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const auto response = (*client)->CreateGroup(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
    return kDone;
  }
  context.out << (response->created() ? "created " : "found ")
              << request.group_id() << "\n\n"
              << GroupDetails(response->group());
  return kDone;
}

std::vector<Option> Options() {
  std::vector<Option> options = {
      {"plan", "FILE", "Takes this plan, in JSON; - is standard input."},
      {"hash", "HASH", "Takes the plan of this hash."},
      {"on-loss", "WHAT",
       "wait (default) or replan, when a rank is lost and no spare is there."},
      {"min-size", "N", "Fewest ranks that a new plan may have. Default: 1."}};
  for (const auto& group : {JobOptions(), StrategyOptions(), ClusterOptions()})
    options.insert(options.end(), group.begin(), group.end());
  return options;
}

}  // namespace

Command GroupCreateCommand() {
  return {
      "group create", "Makes a group from a plan.", "NAME", 1, Options(), kHelp,
      RunGroupCreate};
}

}  // namespace ithaca::cli
