// One process of the demo: a rank of the group, or the check in one process.
//
//   ithaca-demo-rank --mode=rank --socket=S --group=G --member=M --plugin=P
//       --input=FILE --output=O.bin --report=R.json
//     joins the group at the daemon, meets the other ranks through a blob,
//     loads the plugin, embeds its tokens, runs one attention layer through the
//     exchange, writes its rows of the output and a report.
//   ithaca-demo-rank --mode=verify --plan=PLAN.json --input=FILE
//   --report=R.json
//       O0.bin O1.bin ...
//     computes the layer in this one process and compares.
//
// Started by `ithacactl demo`. Exit status: 0, or 1 with the reason on standard
// error; verify also exits 1 when an output differs.
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/membership.h"
#include "google/protobuf/util/json_util.h"
#include "kernels/reference/float_convert.h"
#include "nlohmann/json.hpp"
#include "plugin/core/clock.h"
#include "plugin/driver/driver.h"
#include "tests/e2e/demo_attention.h"
#include "tests/e2e/demo_model.h"
#include "tests/e2e/demo_plan.h"

ABSL_FLAG(std::string, mode, "rank", "rank or verify");
ABSL_FLAG(std::string, socket, "", "the daemon's socket");
ABSL_FLAG(std::string, group, "", "the group to join");
ABSL_FLAG(std::string, member, "", "this member's id, unique in the group");
ABSL_FLAG(std::string, plugin, "", "path of libnccl-net-ithaca.so");
ABSL_FLAG(std::string, input, "", "the text whose bytes are the tokens");
ABSL_FLAG(std::string, plan, "", "verify: the plan as proto3 JSON");
ABSL_FLAG(std::string, output, "", "rank: where its rows of the output go");
ABSL_FLAG(std::string, report, "", "where the report (JSON) goes");
ABSL_FLAG(int, timeout_s, 120, "for each wait: the group, the exchange");
ABSL_FLAG(int, threads, 1, "threads for attention");

namespace ithaca::e2e {
namespace {

using planner::v1::Plan;

absl::Status FromStatus(const Status& status, const char* doing) {
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(doing, ": ", status.ToString()));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return content.str();
}

absl::Status WriteFile(const std::string& path, const char* data, size_t n) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(data, n);
  file.close();
  if (!file) return absl::InternalError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::Status WriteReport(const nlohmann::json& report) {
  const std::string text = report.dump(2) + "\n";
  return WriteFile(absl::GetFlag(FLAGS_report), text.data(), text.size());
}

absl::StatusOr<std::string> InputTokens(const Plan& plan) {
  absl::StatusOr<std::string> text = ReadFile(absl::GetFlag(FLAGS_input));
  if (!text.ok()) return text.status();
  if (text->empty())
    return absl::InvalidArgumentError(
        absl::StrCat(absl::GetFlag(FLAGS_input), " is empty"));
  return Tokens(*text, plan.workload().sequence_length());
}

// Remembers that a member was lost, for whoever waits for an exchange. Shared
// with the callback, which may run until the membership is gone.
class LossWatch {
 public:
  static std::shared_ptr<LossWatch> On(client::Membership* member) {
    auto watch = std::make_shared<LossWatch>();
    member->OnLoss([watch](const groups::v1::GroupEvent& event) {
      const std::lock_guard<std::mutex> lock(watch->mutex_);
      watch->reason_ =
          absl::StrCat("the group lost a member: ", event.reason());
    });
    return watch;
  }
  Status Check() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return reason_.empty() ? Status() : Status(Code::kUnavailable, reason_);
  }

 private:
  std::mutex mutex_;
  std::string reason_;
};

// The ranks meet: slot 0 publishes where it listens, the others read it.
absl::StatusOr<std::unique_ptr<driver::Bootstrap>> Meet(
    client::Membership* member, uint64_t epoch, int ranks) {
  driver::BootstrapOptions options;
  options.rank = member->slot();
  options.ranks = ranks;
  options.timeout_ms = absl::GetFlag(FLAGS_timeout_s) * int64_t{1000};
  StatusOr<std::unique_ptr<driver::Bootstrap>> bootstrap =
      Status(Code::kInternal, "not met");
  if (member->slot() == 0) {
    auto listener = driver::BootstrapListener::Open({"127.0.0.1", 0});
    if (!listener.ok()) return FromStatus(listener.status(), "rendezvous");
    absl::Status published =
        member->PublishBlob(epoch, "rendezvous", listener->id());
    if (!published.ok()) return published;
    bootstrap = driver::Bootstrap::Serve(std::move(*listener), options);
  } else {
    auto id = member->GetBlob(epoch, "rendezvous", options.timeout_ms);
    if (!id.ok()) return id.status();
    bootstrap = driver::Bootstrap::Join(*id, options);
  }
  if (!bootstrap.ok()) return FromStatus(bootstrap.status(), "rendezvous");
  return std::move(bootstrap).value();
}

absl::StatusOr<LayerResult> RunRankLayer(const Plan& plan, int rank,
                                         const ulysses::FlatPlan& flat,
                                         const LayerOptions& options,
                                         driver::Communicator* comm) {
  absl::StatusOr<std::string> tokens = InputTokens(plan);
  if (!tokens.ok()) return tokens.status();
  const auto embed = [&](Projection projection, int heads) {
    return Embed(*tokens, flat.rank_row_offset[rank], flat.rank_rows[rank],
                 projection, heads, flat.head_size, flat.dtype);
  };
  StatusOr<LayerResult> result =
      RunLayer(flat, rank, embed(Projection::kQuery, flat.num_q_heads),
               embed(Projection::kKey, flat.num_kv_heads),
               embed(Projection::kValue, flat.num_kv_heads), options, comm);
  if (!result.ok()) return FromStatus(result.status(), "attention layer");
  return std::move(result).value();
}

absl::Status ReportRank(const Plan& plan, int rank, uint64_t epoch,
                        const LayerResult& result,
                        const driver::Communicator& comm) {
  const planner::v1::Rank& mine = plan.ranks(rank);
  absl::Status written =
      WriteFile(absl::GetFlag(FLAGS_output), result.o.data(), result.o.size());
  if (!written.ok()) return written;
  return WriteReport({
      {"rank", rank},
      {"epoch", epoch},
      {"plan_hash", plan.hash()},
      {"device", comm.device().name},
      {"bytes_sent", result.bytes_sent},
      {"bytes_sent_planned", mine.sent().forward_wire_bytes()},
      {"bytes_received", result.bytes_received},
      {"bytes_received_planned", mine.received().forward_wire_bytes()},
      {"messages_sent", result.messages_sent},
      {"exchange_seconds", result.exchange_seconds},
      {"pack_seconds", result.pack_seconds},
      {"attention_seconds", result.attention_seconds},
  });
}

absl::Status RunRank() {
  const int64_t timeout_ms = absl::GetFlag(FLAGS_timeout_s) * int64_t{1000};
  client::ConnectOptions where;
  where.socket = absl::GetFlag(FLAGS_socket);
  auto client = client::Client::Connect(where);
  if (!client.ok()) return client.status();
  groups::v1::JoinGroupRequest join;
  join.set_group_id(absl::GetFlag(FLAGS_group));
  join.set_member_id(absl::GetFlag(FLAGS_member));
  join.set_include_plan(true);
  auto member = (*client)->JoinGroup(join);
  if (!member.ok()) return member.status();
  auto group = (*member)->WaitComplete(timeout_ms);
  if (!group.ok()) return group.status();
  const int rank = (*member)->slot();
  const Plan& plan = group->plan();
  const std::shared_ptr<LossWatch> loss = LossWatch::On(member->get());

  auto flat = ToFlatPlan(plan);
  if (!flat.ok()) return flat.status();
  auto bootstrap = Meet(member->get(), group->epoch(), plan.ranks_size());
  if (!bootstrap.ok()) return bootstrap.status();
  auto plugin = driver::NetPlugin::Load(absl::GetFlag(FLAGS_plugin), {});
  if (!plugin.ok()) return FromStatus(plugin.status(), "plugin");
  auto comm = driver::Communicator::Create(*plugin, bootstrap->get(), {});
  if (!comm.ok()) return FromStatus(comm.status(), "communicator");

  LayerOptions options;
  options.causal = plan.workload().causal();
  options.valid_tokens = plan.workload().sequence_length();
  options.threads = absl::GetFlag(FLAGS_threads);
  options.timeout_ms = timeout_ms;
  options.barrier = [&bootstrap] { return (*bootstrap)->Barrier(); };
  options.watch = [loss] { return loss->Check(); };
  auto result = RunRankLayer(plan, rank, *flat, options, comm->get());
  if (!result.ok()) return result.status();
  absl::Status status = ReportRank(plan, rank, group->epoch(), *result, **comm);
  if (!status.ok()) return status;
  // Nobody leaves before all are through, so that a leave is no loss.
  status = FromStatus((*bootstrap)->Barrier(), "last barrier");
  if (!status.ok()) return status;
  status = FromStatus((*comm)->Close(), "closing the communicator");
  if (!status.ok()) return status;
  return (*member)->Leave();
}

// --- The check in one process.

float Load(const char* data, size_t index, int dtype) {
  if (dtype == ITHACA_ULYSSES_F32) {
    float value;
    memcpy(&value, data + 4 * index, 4);
    return value;
  }
  uint16_t bits;
  memcpy(&bits, data + 2 * index, 2);
  return dtype == ITHACA_ULYSSES_BF16 ? ulysses::Bf16ToFloat(bits)
                                      : ulysses::F16ToFloat(bits);
}

// Half the distance of two neighbours at 1: what one rounding may cost.
double RoundingUnit(int dtype) {
  if (dtype == ITHACA_ULYSSES_F32) return std::ldexp(1.0, -24);
  return std::ldexp(1.0, dtype == ITHACA_ULYSSES_BF16 ? -9 : -12);
}

struct Comparison {
  double max_abs_error = 0;
  double max_abs_value = 0;
  uint64_t values = 0;
  uint64_t different = 0;
};

// Compares the ranks' rows with the same rows of `whole`.
absl::StatusOr<Comparison> Compare(const ulysses::FlatPlan& flat,
                                   const std::vector<char>& whole,
                                   const std::vector<char*>& files) {
  Comparison comparison;
  const size_t element = flat.dtype == ITHACA_ULYSSES_F32 ? 4 : 2;
  const size_t row = size_t(flat.num_q_heads) * flat.head_size;
  for (int rank = 0; rank < flat.num_ranks(); ++rank) {
    absl::StatusOr<std::string> part = ReadFile(files[rank]);
    if (!part.ok()) return part.status();
    const size_t values = flat.rank_rows[rank] * row;
    if (part->size() != values * element)
      return absl::DataLossError(
          absl::StrCat(files[rank], " has ", part->size(), " bytes, rank ",
                       rank, " holds ", values * element));
    const char* const want =
        whole.data() + flat.rank_row_offset[rank] * row * element;
    for (size_t i = 0; i < values; ++i) {
      const double a = Load(want, i, flat.dtype);
      const double b = Load(part->data(), i, flat.dtype);
      const double error = std::fabs(a - b);
      // A NaN is an error of any size.
      if (!(error <= comparison.max_abs_error))
        comparison.max_abs_error = std::isnan(error) ? INFINITY : error;
      comparison.max_abs_value =
          std::max(comparison.max_abs_value, std::fabs(a));
      comparison.different += !(error == 0);
    }
    comparison.values += values;
  }
  return comparison;
}

absl::Status Verify(const std::vector<char*>& files) {
  absl::StatusOr<std::string> json = ReadFile(absl::GetFlag(FLAGS_plan));
  if (!json.ok()) return json.status();
  Plan plan;
  const auto parsed = google::protobuf::util::JsonStringToMessage(*json, &plan);
  if (!parsed.ok())
    return absl::InvalidArgumentError(parsed.message().as_string());
  auto flat = ToFlatPlan(plan);
  if (!flat.ok()) return flat.status();
  if (plan.workload().batch() != 1)
    return absl::UnimplementedError("the demo checks one sequence at a time");
  if (files.size() != static_cast<size_t>(flat->num_ranks()))
    return absl::InvalidArgumentError("one output per rank is needed");
  auto tokens = InputTokens(plan);
  if (!tokens.ok()) return tokens.status();
  const auto embed = [&](Projection projection, int heads) {
    return Embed(*tokens, 0, plan.padded_sequence_length(), projection, heads,
                 flat->head_size, flat->dtype);
  };
  LayerOptions options;
  options.causal = plan.workload().causal();
  options.valid_tokens = plan.workload().sequence_length();
  options.threads = absl::GetFlag(FLAGS_threads);
  const int64_t start_ns = MonotonicClock().NowNs();
  auto whole = RunLayerInOneProcess(
      *flat, embed(Projection::kQuery, flat->num_q_heads),
      embed(Projection::kKey, flat->num_kv_heads),
      embed(Projection::kValue, flat->num_kv_heads), options);
  if (!whole.ok()) return FromStatus(whole.status(), "one process");
  const double seconds = (MonotonicClock().NowNs() - start_ns) * 1e-9;
  auto comparison = Compare(*flat, *whole, files);
  if (!comparison.ok()) return comparison.status();
  const double allowed = comparison->max_abs_value * RoundingUnit(flat->dtype);
  const bool equal =
      comparison->max_abs_error <= allowed && comparison->max_abs_value > 0;
  absl::Status written = WriteReport({
      {"max_abs_error", comparison->max_abs_error},
      {"max_abs_error_allowed", allowed},
      {"max_abs_value", comparison->max_abs_value},
      {"values", comparison->values},
      {"values_different", comparison->different},
      {"seconds", seconds},
      {"equal", equal},
  });
  if (!written.ok()) return written;
  if (equal) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the ranks' output differs from one process's by ",
                   comparison->max_abs_error, "; rounding explains ", allowed));
}

int Main(int argc, char** argv) {
  std::vector<char*> args = absl::ParseCommandLine(argc, argv);
  args.erase(args.begin());
  const std::string mode = absl::GetFlag(FLAGS_mode);
  const absl::Status status =
      mode == "rank"     ? RunRank()
      : mode == "verify" ? Verify(args)
                         : absl::InvalidArgumentError("--mode: rank or verify");
  if (status.ok()) return 0;
  std::cerr << "ithaca-demo-rank (" << mode << " "
            << absl::GetFlag(FLAGS_member) << "): " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace ithaca::e2e

int main(int argc, char** argv) { return ithaca::e2e::Main(argc, argv); }
