// ithacactl plan: who holds which tokens and heads. Needs no daemon.

#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <istream>
#include <iterator>
#include <map>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/planner/plan_table.h"
#include "daemon/planner/planner.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr size_t kMaxFileBytes = 4 << 20;

constexpr char kHelp[] =
    "Reads a model's Hugging Face config.json and prints the best plan: per "
    "rank its tokens,\n"
    "its query and key/value heads, and the bytes it exchanges in one layer. "
    "Families that\n"
    "were not taken follow with the reason. Exit status 1: nothing satisfies "
    "the request;\n"
    "the text says why and what would.\n"
    "\n"
    "Examples:\n"
    "  ithacactl plan --model config.json --seq-len 128K --ranks 8\n"
    "  curl -s $URL/config.json | ithacactl plan --model - --seq-len 4096 "
    "--ranks 4 -o json\n";

absl::StatusOr<std::string> ReadAll(std::istream& in, const std::string& name) {
  std::string text;
  char buffer[65536];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > kMaxFileBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": is larger than 4 MiB"));
    }
  }
  return text;
}

absl::StatusOr<std::string> ReadFile(const Context& context,
                                     const std::string& path) {
  if (path == "-") return ReadAll(context.in, "standard input");
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read; give the path of a file, or -"));
  }
  return ReadAll(file, path);
}

absl::Status FillModel(const Context& context, v1::PlanRequest* request) {
  const std::string path = context.args.Get("model");
  if (path.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing; give the path of a config.json, or - for standard "
        "input");
  }
  const absl::StatusOr<std::string> config = ReadFile(context, path);
  if (!config.ok()) return config.status();
  request->set_hugging_face_config(*config);
  return absl::OkStatus();
}

absl::Status FillTopology(const Context& context, v1::PlanRequest* request) {
  const std::string path = context.args.Get("topology");
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> json = ReadFile(context, path);
  if (!json.ok()) return json.status();
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      *json, request->mutable_topology());
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": is not a topology in JSON: ", std::string(parsed.message()),
      "; it looks like {\"nodes\": [{\"name\": \"a\", \"slots\": 8}]}"));
}

// An option with one of several words.
template <typename T>
absl::Status FillWord(const Context& context, const std::string& name,
                      const std::map<std::string, T>& words, T* value) {
  if (!context.args.Has(name)) return absl::OkStatus();
  const auto found = words.find(context.args.Get(name));
  if (found != words.end()) {
    *value = found->second;
    return absl::OkStatus();
  }
  std::string known;
  for (const auto& [word, unused] : words)
    absl::StrAppend(&known, known.empty() ? "" : ", ", word);
  return absl::InvalidArgumentError(absl::StrCat(
      "--", name, " ", context.args.Get(name), ": use one of ", known));
}

// A count that fits in 32 bits; `set` gets it.
template <typename Set>
absl::Status FillCount(const Context& context, const std::string& name,
                       Set set) {
  const auto count = context.args.Count(name);
  if (!count.ok()) return count.status();
  if (!count->has_value()) return absl::OkStatus();
  if (**count == 0 || **count > UINT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, ": is out of range"));
  }
  set(static_cast<uint32_t>(**count));
  return absl::OkStatus();
}

absl::Status FillWorkload(const Context& context, v1::Workload* workload) {
  const auto length = context.args.Count("seq-len");
  if (!length.ok()) return length.status();
  if (!length->has_value()) {
    return absl::InvalidArgumentError(
        "--seq-len is missing; give e.g. 4096, 128K or 1M");
  }
  workload->set_sequence_length(**length);
  workload->set_causal(context.args.Has("causal"));
  if (context.args.Has("forward-only"))
    workload->set_mode(v1::MODE_FORWARD_ONLY);
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;
  absl::Status status = FillWord<v1::DataType>(context, "dtype",
                                               {{"fp32", v1::DATA_TYPE_FP32},
                                                {"bf16", v1::DATA_TYPE_BF16},
                                                {"fp16", v1::DATA_TYPE_FP16}},
                                               &type);
  workload->set_data_type(type);
  if (!status.ok()) return status;
  return FillCount(context, "batch",
                   [workload](uint32_t n) { workload->set_batch(n); });
}

absl::Status FillConstraints(const Context& context,
                             v1::Constraints* constraints) {
  if (!context.args.Has("ranks")) {
    return absl::InvalidArgumentError(
        "--ranks is missing; give the number of ranks");
  }
  absl::Status status = FillCount(
      context, "ranks", [=](uint32_t n) { constraints->set_ranks(n); });
  if (!status.ok()) return status;
  status = FillCount(context, "ulysses",
                     [=](uint32_t n) { constraints->set_ulysses_degree(n); });
  if (!status.ok()) return status;
  status = FillCount(context, "data-parallel", [=](uint32_t n) {
    constraints->set_data_parallel_degree(n);
  });
  if (!status.ok()) return status;
  v1::RemainderPolicy policy = v1::REMAINDER_POLICY_UNSPECIFIED;
  status =
      FillWord<v1::RemainderPolicy>(context, "remainder",
                                    {{"uneven", v1::REMAINDER_POLICY_UNEVEN},
                                     {"pad", v1::REMAINDER_POLICY_PAD}},
                                    &policy);
  constraints->set_remainder_policy(policy);
  return status;
}

absl::StatusOr<v1::PlanRequest> BuildRequest(const Context& context) {
  v1::PlanRequest request;
  absl::Status status = FillWorkload(context, request.mutable_workload());
  if (status.ok())
    status = FillConstraints(context, request.mutable_constraints());
  if (status.ok()) status = FillModel(context, &request);
  if (status.ok()) status = FillTopology(context, &request);
  if (!status.ok()) return status;
  return request;
}

absl::StatusOr<v1::PlanResponse> Ask(const Context& context,
                                     const v1::PlanRequest& request) {
  if (!context.args.Has("daemon") && !context.args.Has("socket")) {
    return planner::MakePlan(request);
  }
  const auto client = context.Connect();
  if (!client.ok()) return client.status();
  return (*client)->Plan(request);
}

int RunPlan(const Context& context) {
  const absl::StatusOr<v1::PlanRequest> request = BuildRequest(context);
  if (!request.ok()) return context.Fail(request.status());
  const absl::StatusOr<v1::PlanResponse> response = Ask(context, *request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.format != Format::kTable) {
    context.out << Render(*response, context.format);
  } else {
    if (response->plans_size() > 0)
      context.out << planner::PlanTable(response->plans(0));
    const std::string rejected = planner::RejectionText(*response);
    if (!rejected.empty()) context.out << "\n" << rejected;
  }
  return response->plans_size() > 0 ? kDone : kNo;
}

}  // namespace

Command PlanCommand() {
  return {
      "plan",
      "Plans sequence parallelism for a model, a length and a number of ranks.",
      "",
      0,
      {{"model", "FILE",
        "The model's config.json, or - for standard input. Required."},
       {"seq-len", "N", "Tokens of the sequence: 4096, 128K, 1M. Required."},
       {"ranks", "N", "Ranks to use, all of them. Required."},
       {"dtype", "TYPE",
        "fp32, bf16 or fp16. Default: the model's, else bf16."},
       {"batch", "N", "Sequences at once in each replica. Default: 1."},
       {"causal", "", "A token attends to itself and those before it."},
       {"forward-only", "", "Without a backward pass."},
       {"ulysses", "N", "Ranks that share one sequence. Default: all."},
       {"data-parallel", "N", "Replicas. Default: 1."},
       {"remainder", "POLICY",
        "When ranks do not divide the sequence: uneven or pad. Default: "
        "uneven."},
       {"topology", "FILE",
        "Nodes as JSON (ithaca.topology.v1.Topology), or -."},
       {"daemon", "",
        "Asks the daemon, which keeps the plan for CreateGroup by hash."}},
      kHelp,
      RunPlan};
}

}  // namespace ithaca::cli
