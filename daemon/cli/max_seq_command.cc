// ithacactl max-seq: the longest sequence that fits in memory. Needs no daemon.

#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/framework_text.h"
#include "daemon/cli/plan_answer.h"
#include "daemon/cli/plan_options.h"
#include "daemon/cli/planner_calls.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr char kHelp[] =
    "Finds the longest sequence that fits in the memory of a cluster, what a "
    "longer one would\n"
    "exceed, and the plan for it. Give the cluster, or its accelerator alone. "
    "Exit status 1:\n"
    "not even the shortest fits.\n"
    "\n"
    "Examples:\n"
    "  ithacactl max-seq --model llama-3.1-8b --nodes 1 --gpu h100-80g "
    "--host-gib 1900\n"
    "  ithacactl max-seq --model llama-3.1-8b --gpu h100-80g --ulysses 8 "
    "--zero 3 \\\n"
    "      --recompute full --offload optimizer,checkpoints --tiled mlp,loss\n";

int RunMaxSeq(const Context& context) {
  const absl::StatusOr<v1::PlanRequest> plan =
      BuildPlanRequest(context, Length::kIgnored);
  if (!plan.ok()) return context.Fail(plan.status());
  v1::MaxSequenceRequest request;
  *request.mutable_request() = *plan;
  // The planner wants a length; it does not look at it.
  if (request.request().workload().sequence_length() == 0)
    request.mutable_request()->mutable_workload()->set_sequence_length(
        plan->constraints().ranks());
  const absl::StatusOr<v1::MaxSequenceResponse> response =
      CallMaxSequence(context, request);
  if (!response.ok()) return context.Fail(response.status());
  const bool fits = response->sequence_length() > 0;
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
    return fits ? kDone : kNo;
  }
  context.out << (fits ? absl::StrCat(response->sequence_length(), " tokens\n")
                       : std::string("not even the shortest sequence fits\n"));
  if (!response->binding_constraint().empty()) {
    context.out << WrapText(
        absl::StrCat("a longer one exceeds: ", response->binding_constraint()),
        "", kNarrow);
  }
  if (fits) {
    v1::PlanResponse answer;
    *answer.add_plans() = response->plan();
    context.out << "\n" << PlanAnswerText(answer, context.args.Has("wide"));
  }
  return fits ? kDone : kNo;
}

std::vector<Option> Options() {
  std::vector<Option> options = JobOptions();
  for (const auto& group : {StrategyOptions(), ClusterOptions()})
    options.insert(options.end(), group.begin(), group.end());
  options.push_back({"wide", "", "140 columns, all ranks, all parts."});
  options.push_back({"daemon", "", "Asks the daemon."});
  return options;
}

}  // namespace

Command MaxSeqCommand() {
  return {"max-seq", "Finds the longest sequence that fits in memory.",
          "",        0,
          Options(), kHelp,
          RunMaxSeq};
}

}  // namespace ithaca::cli
