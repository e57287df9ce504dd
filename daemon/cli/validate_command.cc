// ithacactl validate: what a framework, or a rank, would get wrong with this.
// Needs no daemon.

#include <limits>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/input.h"
#include "daemon/cli/option_values.h"
#include "daemon/cli/plan_answer.h"
#include "daemon/cli/plan_input.h"
#include "daemon/cli/plan_options.h"
#include "daemon/cli/planner_calls.h"
#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/validate_config.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr char kHelp[] =
    "Checks FILE (or -) before it is launched. With --framework it is that "
    "framework's\n"
    "configuration, and everything that it would silently get wrong, crash "
    "on, ignore or do\n"
    "slowly is named with the remedy; the more is said of the job, the more "
    "is found. Without,\n"
    "it is a plan in JSON, as `plan -o json` prints it. Exit status 1: it is "
    "not sound.\n"
    "\n"
    "Frameworks: deepspeed (ds_config), alst (ArcticTraining), megatron "
    "(options or a script;\n"
    "Megatron-Bridge's YAML), accelerate, torchtitan, verl, swift, yunchang, "
    "xdit, vllm, maxtext.\n"
    "\n"
    "Examples:\n"
    "  ithacactl validate ds_config.json --framework deepspeed --model "
    "llama-2-7b \\\n"
    "      --seq-len 57826 --ranks 8\n"
    "  ithacactl validate pretrain.sh --framework megatron --model qwen3-32b "
    "--nodes 4 --gpu h100-80g\n"
    "  ithacactl plan --model llama-3.1-8b --seq-len 1M --ranks 8 -o json | "
    "ithacactl validate -\n";

// What is said of the job; nothing is required.
absl::Status FillContext(const Context& context, v1::PlanRequest* request) {
  absl::Status s = FillCluster(context, request);
  if (!s.ok()) return s;
  const uint64_t ranks = RanksOfCluster(*request);
  if (ranks <= std::numeric_limits<uint32_t>::max()) {
    request->mutable_constraints()->set_ranks(static_cast<uint32_t>(ranks));
  }
  if (context.args.Has("model")) {
    s = FillJob(context, request);
  } else if (context.args.Has("seq-len")) {
    const auto length = context.args.Count("seq-len");
    if (!length.ok()) return length.status();
    request->mutable_workload()->set_sequence_length(**length);
  }
  if (!s.ok()) return s;
  return FillCount(context, "ranks", 1, [request](uint32_t n) {
    request->mutable_constraints()->set_ranks(n);
  });
}

absl::StatusOr<v1::ValidateRequest> BuildRequest(const Context& context) {
  const std::string path = context.args.words()[0];
  const absl::StatusOr<std::string> text = ReadInput(context, path);
  if (!text.ok()) return text.status();
  v1::ValidateRequest request;
  if (!context.args.Has("framework")) {
    absl::Status s =
        ParsePlan(path, *text, request.mutable_plan(),
                  "for a framework's configuration add --framework");
    if (!s.ok()) return s;
    return request;
  }
  const std::string name = context.args.Get("framework");
  const planner::Adapter* adapter = planner::FindAdapter(name);
  if (adapter == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--framework ", name, ": use one of ", planner::AdapterNames()));
  }
  v1::FrameworkConfig* config = request.mutable_framework_config();
  config->set_framework(planner::MessageOf(adapter->framework));
  config->set_text(*text);
  absl::Status s = FillContext(context, request.mutable_context());
  if (!s.ok()) return s;
  return request;
}

int RunValidate(const Context& context) {
  const absl::StatusOr<v1::ValidateRequest> request = BuildRequest(context);
  if (!request.ok()) return context.Fail(request.status());
  const absl::StatusOr<v1::ValidateResponse> response =
      CallValidate(context, *request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    const std::string path = context.args.words()[0];
    context.out << FindingsText(*response,
                                path == "-" ? "standard input" : path);
  }
  return response->valid() ? kDone : kNo;
}

std::vector<Option> Options() {
  std::vector<Option> options = {
      {"framework", "NAME", "Whose configuration FILE is."}};
  const std::vector<Option> job = JobOptions();
  options.insert(options.end(), job.begin(), job.end());
  options.push_back(
      {"ranks", "N", "Ranks that it will run on. Default: the cluster's."});
  const std::vector<Option> cluster = ClusterOptions();
  options.insert(options.end(), cluster.begin(), cluster.end());
  options.push_back({"daemon", "", "Asks the daemon."});
  return options;
}

}  // namespace

Command ValidateCommand() {
  return {"validate",
          "Finds what a framework would get wrong with a configuration.",
          "FILE",
          1,
          Options(),
          kHelp,
          RunValidate};
}

}  // namespace ithaca::cli
