// ithacactl explain: why the plan is as it is. Needs no daemon.

#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/input.h"
#include "daemon/cli/plan_input.h"
#include "daemon/cli/plan_options.h"
#include "daemon/cli/planner_calls.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr char kHelp[] =
    "Says why a plan is as it is: what it costs and by which formula, what it "
    "was compared\n"
    "with, and what would change the choice. The plan is that of the options, "
    "which are those\n"
    "of `plan`; or that of --plan, in JSON as `plan -o json` prints it. Exit "
    "status 1: there is\n"
    "no plan to explain.\n"
    "\n"
    "Examples:\n"
    "  ithacactl explain --model qwen2.5-14b --seq-len 64K --ranks 16\n"
    "  ithacactl plan ... -o json > plan.json; ithacactl explain --plan "
    "plan.json\n";

absl::Status FromFile(const Context& context, v1::ExplainRequest* request) {
  const std::string path = context.args.Get("plan");
  const absl::StatusOr<std::string> json = ReadInput(context, path);
  if (!json.ok()) return json.status();
  return ParsePlan(path, *json, request->mutable_plan());
}

absl::Status FromOptions(const Context& context, v1::ExplainRequest* request) {
  absl::StatusOr<v1::PlanRequest> plan =
      BuildPlanRequest(context, Length::kRequired);
  if (!plan.ok()) return plan.status();
  plan->set_detail(v1::DETAIL_SUMMARY);
  const absl::StatusOr<v1::PlanResponse> response = CallPlan(context, *plan);
  if (!response.ok()) return response.status();
  if (response->plans_size() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no plan to explain: ",
        response->rejected_size() > 0 ? response->rejected(0).reason()
                                      : std::string("see `ithacactl plan`")));
  }
  *request->mutable_plan() = response->plans(0);
  *request->mutable_request() = *std::move(plan);
  return absl::OkStatus();
}

int RunExplain(const Context& context) {
  v1::ExplainRequest request;
  const absl::Status s = context.args.Has("plan")
                             ? FromFile(context, &request)
                             : FromOptions(context, &request);
  if (!s.ok()) return context.Fail(s);
  const absl::StatusOr<v1::ExplainResponse> response =
      CallExplain(context, request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    context.out << response->text();
    if (response->text().empty() || response->text().back() != '\n')
      context.out << "\n";
  }
  return kDone;
}

std::vector<Option> Options() {
  std::vector<Option> options = {
      {"plan", "FILE", "A plan in JSON instead of the options, or -."}};
  for (const auto& group : {JobOptions(), StrategyOptions(), ClusterOptions()})
    options.insert(options.end(), group.begin(), group.end());
  options.push_back({"daemon", "", "Asks the daemon."});
  return options;
}

}  // namespace

Command ExplainCommand() {
  return {"explain", "Says why a plan is as it is.", "", 0, Options(), kHelp,
          RunExplain};
}

}  // namespace ithaca::cli
