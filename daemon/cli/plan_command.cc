// ithacactl plan: who holds which tokens and heads. Needs no daemon.

#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/framework_text.h"
#include "daemon/cli/plan_answer.h"
#include "daemon/cli/plan_options.h"
#include "daemon/cli/planner_calls.h"
#include "daemon/planner/frameworks/framework_message.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr char kHelp[] =
    "Plans how one long sequence is spread over ranks: which degrees, who "
    "holds which tokens\n"
    "and heads, what travels, how long a step takes and what memory it needs, "
    "and why not\n"
    "the others. With a cluster and no degree, or with `auto` for any, the "
    "best is looked for;\n"
    "otherwise what is left out has its default (Ulysses over all ranks). With "
    "--framework only\n"
    "what that framework runs is planned, and what would be better is named "
    "with the reason.\n"
    "Exit status 1: nothing satisfies the request; the text says why and what "
    "would.\n"
    "\n"
    "Frameworks: those of validate, and veomni and internevo, of which no "
    "lines "
    "are printed.\n"
    "\n"
    "Examples:\n"
    "  ithacactl plan --model llama-3.1-8b --seq-len 1M --nodes 4 --gpu "
    "h100-80g --rail-gbps 400\n"
    "  ithacactl plan --model config.json --seq-len 128K --ranks 8 --causal\n"
    "  ithacactl plan --model qwen2.5-14b --seq-len 64K --ranks 16 --ulysses 8 "
    "--ring 2 \\\n"
    "      --framework megatron\n"
    "  curl -s $URL/config.json | ithacactl plan --model - --seq-len 4096 "
    "--ranks 4 -o json\n";

// The request of the options, for the framework where one is named.
absl::StatusOr<v1::PlanRequest> BuildRequest(const Context& context) {
  absl::StatusOr<v1::PlanRequest> request =
      BuildPlanRequest(context, Length::kRequired);
  if (!request.ok() || !context.args.Has("framework")) return request;
  const std::string name = context.args.Get("framework");
  const planner::FrameworkLimits* framework = planner::FindFramework(name);
  if (framework == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--framework ", name, ": use one of ", planner::FrameworkNames()));
  }
  request->mutable_constraints()->add_frameworks(
      planner::MessageOf(framework->framework));
  return request;
}

// What follows the plan for --framework; whether its configuration can say it.
absl::StatusOr<FrameworkText> FrameworkPart(const Context& context,
                                            const v1::PlanResponse& response) {
  FrameworkText none;
  none.can_run = true;
  if (!context.args.Has("framework") || response.plans_size() == 0) return none;
  return SayFor(context.args.Get("framework"), response.plans(0));
}

int RunPlan(const Context& context) {
  const absl::StatusOr<v1::PlanRequest> request = BuildRequest(context);
  if (!request.ok()) return context.Fail(request.status());
  const absl::StatusOr<v1::PlanResponse> response = CallPlan(context, *request);
  if (!response.ok()) return context.Fail(response.status());
  const absl::StatusOr<FrameworkText> framework =
      FrameworkPart(context, *response);
  if (!framework.ok()) return context.Fail(framework.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    context.out << PlanAnswerText(*response, context.args.Has("wide"));
    if (!framework->text.empty()) context.out << "\n" << framework->text;
  }
  return response->plans_size() > 0 && framework->can_run ? kDone : kNo;
}

std::vector<Option> Options() {
  std::vector<Option> options = JobOptions();
  for (const auto& group : {StrategyOptions(), ClusterOptions()})
    options.insert(options.end(), group.begin(), group.end());
  options.push_back(
      {"framework", "NAME",
       "Plans what it can run, and prints its lines: see validate."});
  options.push_back({"wide", "", "140 columns, all ranks, all parts."});
  options.push_back(DaemonOption());
  return options;
}

}  // namespace

Command PlanCommand() {
  return {"plan",
          "Plans sequence parallelism for a model, a length and a cluster.",
          "",
          0,
          Options(),
          kHelp,
          RunPlan};
}

}  // namespace ithaca::cli
