#include "daemon/cli/demo_run.h"

#include <google/protobuf/util/json_util.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

constexpr absl::Duration kDaemonStart = absl::Seconds(20);
constexpr int kStopMs = 5000;

// Defined by a generated file, from daemon/planner/models.
#include "daemon/cli/demo_models.inc"

absl::Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot write ", path, "; is the disk full?"));
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::json> ReadJson(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  nlohmann::json json =
      nlohmann::json::parse(content.str(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return absl::InternalError(absl::StrCat("no report at ", path));
  return json;
}

bool BytesAsPlanned(const nlohmann::json& rank) {
  return rank.value("bytes_sent", uint64_t{0}) ==
             rank.value("bytes_sent_planned", uint64_t{1}) &&
         rank.value("bytes_received", uint64_t{0}) ==
             rank.value("bytes_received_planned", uint64_t{1});
}

}  // namespace

const std::vector<DemoModel>& DemoModels() {
  static const auto* const models = new std::vector<DemoModel>{
      {"Llama-3.1-8B", kLlama, 4}, {"Qwen2.5-7B", kQwen, 8}};
  return *models;
}

absl::StatusOr<std::unique_ptr<DemoRun>> DemoRun::Start(
    const DemoOptions& options) {
  const char* const parent = getenv("TMPDIR");
  std::string folder =
      absl::StrCat(parent != nullptr && *parent != '\0' ? parent : "/tmp",
                   "/ithaca-demo-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot make ", folder, ": ", strerror(errno),
                     "; set TMPDIR to a folder that can be written"));
  std::unique_ptr<DemoRun> run(new DemoRun(options, folder));
  absl::Status status = run->StartDaemon();
  if (!status.ok()) return status;
  return run;
}

DemoRun::~DemoRun() {
  client_.reset();
  if (daemon_ != nullptr) daemon_->Stop(kStopMs);
  std::error_code ignored;
  if (!options_.keep_folder) std::filesystem::remove_all(folder_, ignored);
}

absl::Status DemoRun::StartDaemon() {
  auto daemon = ChildProcess::Start(
      {options_.daemon, {"--run_dir=" + folder_}, {}, Path("ithacad.log")});
  if (!daemon.ok()) return daemon.status();
  daemon_ = *std::move(daemon);
  client::ConnectOptions where;
  where.socket = Path("ithacad.sock");
  const absl::Time give_up = absl::Now() + kDaemonStart;
  while (true) {
    auto client = client::Client::Connect(where);
    if (client.ok()) {
      client_ = *std::move(client);
      return absl::OkStatus();
    }
    if (daemon_->Poll().has_value() || absl::Now() > give_up)
      return absl::InternalError(
          absl::StrCat("ithacad did not start: ", client.status().message(),
                       "\n", daemon_->LogTail()));
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::StatusOr<v1::Plan> DemoRun::Plan(const DemoModel& model) {
  v1::PlanRequest request;
  request.set_hugging_face_config(model.config);
  v1::Workload* const workload = request.mutable_workload();
  workload->set_sequence_length(options_.tokens);
  workload->set_causal(true);
  workload->set_data_type(options_.data_type);
  workload->set_mode(v1::MODE_FORWARD_ONLY);
  request.mutable_constraints()->set_ranks(model.ranks);
  auto response = client_->Plan(request);
  if (!response.ok()) return response.status();
  if (response->plans_size() == 0)
    return absl::FailedPreconditionError(response->rejected_size() > 0
                                             ? response->rejected(0).reason()
                                             : "the planner has no plan");
  return response->plans(0);
}

absl::StatusOr<DemoResult> DemoRun::Run(
    const v1::Plan& plan, const std::string& group,
    const std::function<void(const std::string&)>& progress) {
  groups::v1::CreateGroupRequest create;
  create.set_group_id(group);
  create.set_plan_hash(plan.hash());
  auto created = client_->CreateGroup(create);
  if (!created.ok()) return created.status();
  progress(absl::StrCat("group ", group, ": starting ", plan.ranks_size(),
                        " processes"));
  absl::Status status = RunRanks(group, plan.ranks_size());
  if (!status.ok()) return status;
  DemoResult result;
  result.plan = plan;
  result.ranks.resize(plan.ranks_size());
  result.bytes_as_planned = true;
  for (int i = 0; i < plan.ranks_size(); ++i) {
    auto report = ReadJson(Path(absl::StrCat(group, "-", i, ".json")));
    if (!report.ok()) return report.status();
    result.bytes_as_planned &= BytesAsPlanned(*report);
    // The daemon gave the slots, in the order of joining.
    result.ranks.at(report->at("rank").get<size_t>()) = *report;
  }
  progress("comparing with one process");
  status = Check(plan, group);
  auto check = ReadJson(Path(group + "-check.json"));
  if (!check.ok()) return status.ok() ? check.status() : status;
  result.check = *check;
  result.equal = result.check.value("equal", false);
  return result;
}

absl::Status DemoRun::RunRanks(const std::string& group, uint32_t ranks) {
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (uint32_t i = 0; i < ranks; ++i) {
    const std::string name = absl::StrCat(group, "-", i);
    auto child = ChildProcess::Start(
        {options_.rank_program,
         {"--mode=rank", "--socket=" + Path("ithacad.sock"), "--group=" + group,
          absl::StrCat("--member=process-", i), "--plugin=" + options_.plugin,
          "--input=" + options_.input, "--output=" + Path(name + ".bin"),
          "--report=" + Path(name + ".json"),
          absl::StrCat("--timeout_s=", options_.timeout_s)},
         {{"ITHACA_RAILS", "lo"}},
         Path(name + ".log")});
    if (!child.ok()) return child.status();
    children.push_back(*std::move(child));
  }
  return WaitForAll(&children);
}

absl::Status DemoRun::WaitForAll(
    std::vector<std::unique_ptr<ChildProcess>>* children) {
  const absl::Time give_up = absl::Now() + absl::Seconds(options_.timeout_s);
  while (true) {
    bool running = false;
    for (const auto& child : *children) {
      const std::optional<int> exit = child->Poll();
      running |= !exit.has_value();
      if (exit.value_or(0) != 0)
        return absl::InternalError(absl::StrCat(
            "a process ended with status ", *exit, ":\n", child->LogTail()));
    }
    if (!running) return absl::OkStatus();
    if (daemon_->Poll().has_value())
      return absl::InternalError(
          absl::StrCat("ithacad ended:\n", daemon_->LogTail()));
    if (absl::Now() > give_up)
      return absl::DeadlineExceededError(
          absl::StrCat("the processes did not end within ", options_.timeout_s,
                       " s; use fewer --tokens, or a longer --timeout"));
    absl::SleepFor(absl::Milliseconds(10));
  }
}

absl::Status DemoRun::Check(const v1::Plan& plan, const std::string& group) {
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(plan, &json);
  if (!printed.ok()) return absl::InternalError(printed.message().as_string());
  absl::Status status = WriteText(Path(group + "-plan.json"), json);
  if (!status.ok()) return status;
  std::vector<std::string> outputs(plan.ranks_size());
  for (int i = 0; i < plan.ranks_size(); ++i) {
    auto report = ReadJson(Path(absl::StrCat(group, "-", i, ".json")));
    if (!report.ok()) return report.status();
    outputs.at(report->at("rank").get<size_t>()) =
        Path(absl::StrCat(group, "-", i, ".bin"));
  }
  std::vector<std::string> args = {"--mode=verify",
                                   "--plan=" + Path(group + "-plan.json"),
                                   "--input=" + options_.input, "--threads=2",
                                   "--report=" + Path(group + "-check.json")};
  args.insert(args.end(), outputs.begin(), outputs.end());
  std::vector<std::unique_ptr<ChildProcess>> child;
  auto started = ChildProcess::Start(
      {options_.rank_program, args, {}, Path(group + "-check.log")});
  if (!started.ok()) return started.status();
  child.push_back(*std::move(started));
  return WaitForAll(&child);
}

}  // namespace ithaca::cli
