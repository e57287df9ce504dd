// ithacactl demo: the whole way, from a plan to verified attention, on this
// host.

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/demo_run.h"
#include "daemon/planner/plan_table.h"

namespace ithaca::cli {
namespace {

// A prime: no number of ranks divides it.
constexpr uint64_t kTokens = 4099;
constexpr uint64_t kMinTokens = 1;
constexpr uint64_t kMaxTokens = 1 << 17;

constexpr char kHelp[] =
    "Starts a daemon of its own, plans for two models (Llama-3.1-8B on 4 "
    "ranks, "
    "and Qwen2.5-7B\n"
    "on 8, whose heads do not divide), forms the groups, starts one process "
    "per "
    "rank, embeds\n"
    "the bytes of a text to q, k and v, exchanges them through the NCCL plugin "
    "over loopback,\n"
    "computes causal attention on each rank's heads, exchanges back, and "
    "compares every value\n"
    "with the same layer in one process. Everything it starts has ended when "
    "it "
    "returns.\n"
    "\n"
    "Exit status 1: a value or a byte count differs, or a process failed.\n"
    "\n"
    "Examples:\n"
    "  ithacactl demo\n"
    "  ithacactl demo --input /etc/services --tokens 8K --dtype fp16\n";

std::string Default(const Context& context, const char* option,
                    const char* beside) {
  return context.args.Has(option) ? context.args.Get(option)
                                  : absl::StrCat(ProgramFolder(), "/", beside);
}

absl::Status CheckReadable(const std::string& what, const std::string& path,
                           const char* remedy) {
  if (access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", path, " cannot be read; ", remedy));
}

absl::StatusOr<DemoOptions> ReadOptions(const Context& context) {
  DemoOptions options;
  options.input =
      context.args.Has("input") ? context.args.Get("input") : "README.md";
  options.daemon = Default(context, "daemon-program", "ithacad");
  options.plugin =
      Default(context, "plugin", "../plugin/libnccl-net-ithaca.so");
  options.rank_program =
      Default(context, "rank-program", "../tests/e2e/ithaca-demo-rank");
  options.keep_folder = context.args.Has("keep");
  const auto tokens = context.args.Count("tokens");
  if (!tokens.ok()) return tokens.status();
  options.tokens = tokens->value_or(kTokens);
  if (options.tokens < kMinTokens || options.tokens > kMaxTokens)
    return absl::InvalidArgumentError(
        absl::StrCat("--tokens: 1 to ", kMaxTokens,
                     "; attention on a CPU takes "
                     "time with the square of it"));
  const auto timeout = context.args.Count("run-timeout");
  if (!timeout.ok()) return timeout.status();
  options.timeout_s = std::min<uint64_t>(timeout->value_or(300), 86400);
  const std::string type = context.args.Get("dtype");
  if (type == "fp32")
    options.data_type = planner::v1::DATA_TYPE_FP32;
  else if (type == "fp16")
    options.data_type = planner::v1::DATA_TYPE_FP16;
  else if (!type.empty() && type != "bf16")
    return absl::InvalidArgumentError(
        absl::StrCat("--dtype ", type, ": use one of bf16, fp16, fp32"));
  absl::Status status = CheckReadable("the input", options.input,
                                      "give a text with --input FILE");
  if (status.ok())
    status = CheckReadable("the daemon", options.daemon,
                           "build it, or give --daemon-program PATH");
  if (status.ok())
    status = CheckReadable("the plugin", options.plugin,
                           "build it, or give --plugin PATH");
  if (status.ok())
    status = CheckReadable("the rank program", options.rank_program,
                           "build it, or give --rank-program PATH");
  if (!status.ok()) return status;
  return options;
}

std::string RankTable(const DemoResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"RANK", "TOKENS", "Q HEADS", "KV HEADS", "SENT", "PLANNED", "MESSAGES",
       "EXCHANGE", "ATTENTION"}};
  for (size_t i = 0; i < result.ranks.size(); ++i) {
    const nlohmann::json& report = result.ranks[i];
    const planner::v1::Rank& rank = result.plan.ranks(i);
    rows.push_back(
        {absl::StrCat(i), absl::StrCat(rank.valid_tokens()),
         absl::StrCat(rank.query_heads().count()),
         absl::StrCat(rank.kv_heads_size()),
         absl::StrCat(report["bytes_sent"].get<uint64_t>()),
         absl::StrCat(report["bytes_sent_planned"].get<uint64_t>()),
         absl::StrCat(report["messages_sent"].get<uint64_t>()),
         absl::StrFormat("%.1f ms",
                         report["exchange_seconds"].get<double>() * 1e3),
         absl::StrFormat("%.2f s", report["attention_seconds"].get<double>())});
  }
  return Columns(rows);
}

void PrintResult(const Context& context, const DemoResult& result) {
  uint64_t bytes = 0;
  double slowest = 0;
  for (const nlohmann::json& rank : result.ranks) {
    bytes += rank["bytes_sent"].get<uint64_t>();
    slowest = std::max(slowest, rank["exchange_seconds"].get<double>());
  }
  const auto verdict = [&](bool good, const char* yes, const char* no) {
    return good ? context.Good(yes) : context.Bad(no);
  };
  context.out << "\n" << RankTable(result) << "\n";
  context.out << absl::StrFormat(
      "bytes on the wire   %s of %s planned: %s\n", planner::FormatBytes(bytes),
      planner::FormatBytes(result.plan.total().forward_wire_bytes()),
      verdict(result.bytes_as_planned, "equal on every rank",
              "NOT as planned"));
  context.out << absl::StrFormat(
      "max absolute error  %g over %d values (rounding allows %.3g): %s\n",
      result.check["max_abs_error"].is_number()
          ? result.check["max_abs_error"].get<double>()
          : INFINITY,
      result.check["values"].get<uint64_t>(),
      result.check["max_abs_error_allowed"].get<double>(),
      verdict(result.equal, "equal to one process", "DIFFERENT"));
  context.out << absl::StrFormat(
      "bandwidth           %.2f GB/s per rank over loopback, %d processes on "
      "this host\n",
      bytes / slowest / result.ranks.size() * 1e-9, result.ranks.size());
}

int RunDemo(const Context& context) {
  const absl::StatusOr<DemoOptions> options = ReadOptions(context);
  if (!options.ok()) return context.Fail(options.status());
  const bool table = context.format == Format::kTable;
  auto run = DemoRun::Start(*options);
  if (!run.ok()) return context.Fail(run.status());
  if (options->keep_folder)
    context.err << "files and logs: " << (*run)->folder() << "\n";
  nlohmann::json document;
  bool good = true;
  for (const DemoModel& model : DemoModels()) {
    const auto plan = (*run)->Plan(model);
    if (!plan.ok()) return context.Fail(plan.status());
    if (table)
      context.out << "== " << model.name << " on " << model.ranks
                  << " ranks, bytes of " << options->input << "\n\n"
                  << planner::PlanTable(*plan) << std::flush;
    const auto result = (*run)->Run(
        *plan, absl::StrCat("demo-", model.name), [&](const std::string& step) {
          context.err << "  " << step << "\n" << std::flush;
        });
    if (!result.ok()) {
      context.err << "ithacactl: " << result.status().message() << "\n";
      return kNo;
    }
    if (table) {
      PrintResult(context, *result);
      context.out << "\n" << std::flush;
    }
    document["models"].push_back(
        {{"name", model.name},
         {"plan_hash", plan->hash()},
         {"ranks", result->ranks},
         {"check", result->check},
         {"bytes_as_planned", result->bytes_as_planned},
         {"equal", result->equal}});
    good &= result->bytes_as_planned && result->equal;
  }
  document["ok"] = good;
  if (context.format == Format::kJson) context.out << document.dump(2) << "\n";
  if (context.format == Format::kYaml)
    context.out << JsonToYaml(document.dump()).value_or("");
  return good ? kDone : kNo;
}

}  // namespace

Command DemoCommand() {
  return {"demo",
          "Runs Ulysses attention of two models on this host and checks it.",
          "",
          0,
          {{"input", "FILE",
            "The text whose bytes are the tokens. Default: "
            "README.md."},
           {"tokens", "N",
            "Bytes of it, repeated when it is shorter. Default: 4099, which "
            "nothing "
            "divides."},
           {"dtype", "TYPE", "bf16, fp16 or fp32. Default: bf16."},
           {"run-timeout", "SECONDS",
            "How long the processes of one model may take. Default: 300."},
           {"keep", "", "Keeps the folder with logs, plans and outputs."},
           {"daemon-program", "PATH", "Default: ithacad beside this program."},
           {"plugin", "PATH",
            "Default: ../plugin/libnccl-net-ithaca.so beside this program."},
           {"rank-program", "PATH",
            "Default: ../tests/e2e/ithaca-demo-rank beside this program."}},
          kHelp,
          RunDemo};
}

}  // namespace ithaca::cli
