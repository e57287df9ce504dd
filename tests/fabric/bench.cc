#include "tests/fabric/bench.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

namespace ithaca::fabric {
namespace {

constexpr int kPort = 29500;  // the namespace is ours alone
constexpr int64_t kStartupMs = 30'000;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Of all processors since boot, in ticks.
struct ProcessorTime {
  double idle = 0;
  double total = 0;
};

ProcessorTime ReadProcessorTime() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;  // "cpu": user nice system idle iowait irq softirq steal
  ProcessorTime time;
  double ticks = 0;
  for (int i = 0; i < 8 && file >> ticks; ++i) {
    time.total += ticks;
    if (i == 3 || i == 4) time.idle += ticks;
  }
  return time;
}

class Job {
 public:
  Job(const Row& row, const BenchOptions& options, const Fabric& fabric)
      : row_(row), spec_(fabric.spec()), options_(options), fabric_(fabric) {}

  // The document that rank 0 printed.
  StatusOr<nlohmann::json> Run() {
    std::vector<Process> ranks;
    for (int r = 0; r < spec_.ranks(); ++r) {
      auto rank = fabric_.Start(spec_.HostOfRank(r), RankOptions(r));
      if (!rank.ok()) return rank.status();
      ranks.push_back(std::move(rank).value());
    }
    ITHACA_RETURN_IF_ERROR(WaitForAll(&ranks));
    auto document =
        nlohmann::json::parse(ReadText(Output(0, ".out")), nullptr, false);
    if (document.is_object()) return document;
    return Status(Code::kDataLoss, "rank 0 printed no JSON document");
  }

 private:
  std::string Output(int rank, const char* suffix) const {
    return fabric_.HostFolder(spec_.HostOfRank(rank)) + "/rank" +
           std::to_string(rank) + suffix;
  }

  ProcessOptions RankOptions(int rank) const {
    ProcessOptions p;
    p.argv = {options_.perf,
              "--rank=" + std::to_string(rank),
              "--ranks=" + std::to_string(spec_.ranks()),
              "--rendezvous=" + fabric_.HostAddress(0, 0) + ":" +
                  std::to_string(kPort),
              "--iters=" + std::to_string(options_.iterations),
              "--warmup=" + std::to_string(options_.warmup),
              "--timeout=" + std::to_string(options_.timeout_s),
              "--bytes=" + std::to_string(row_.bytes),
              "--output=json"};
    if (row_.burst == Burst::kCounted) {
      // A rest, in which the buckets of the links fill again.
      p.argv.push_back("--pause=20");
    }
    if (row_.skew > 1) {
      p.argv.push_back("--pattern=alltoallv");
      p.argv.push_back("--skew=" + std::to_string(row_.skew));
    }
    if (!options_.plugin.empty()) {
      p.argv.push_back("--plugin=" + options_.plugin);
    }
    p.environment = options_.environment;
    p.environment.emplace("ITHACA_RAILS", fabric_.RailNames());
    p.environment.emplace("NCCL_SOCKET_IFNAME", "=" + fabric_.RailNames());
    p.environment.emplace("ITHACA_RUN_DIR",
                          fabric_.HostFolder(spec_.HostOfRank(rank)));
    p.niceness = options_.niceness;
    p.out_path = Output(rank, ".out");
    p.err_path = Output(rank, ".err");
    return p;
  }

  Status WaitForAll(std::vector<Process>* ranks) const {
    // Ranks keep the time themselves; this is for one that does not.
    const int64_t limit_ms =
        kStartupMs + int64_t{1000} * options_.timeout_s *
                         (2 + options_.iterations + options_.warmup);
    for (size_t r = 0; r < ranks->size(); ++r) {
      auto exit = (*ranks)[r].Wait(limit_ms);
      if (!exit.ok()) return exit.status();
      if (*exit == 0) continue;
      return Errorf(Code::kUnavailable, "rank %zu ended with %d: %s", r, *exit,
                    ReadText(Output(static_cast<int>(r), ".err")).c_str());
    }
    return Status();
  }

  const Row& row_;
  const Spec& spec_;
  const BenchOptions& options_;
  const Fabric& fabric_;
};

Status ReadTimes(const nlohmann::json& document, Result* result) {
  const auto results = document.find("results");
  if (results == document.end() || !results->is_array() ||
      results->size() != 1 || !(*results)[0].is_object()) {
    return Status(Code::kDataLoss, "not one result in what rank 0 printed");
  }
  const auto& times = (*results)[0];
  result->median_s = times.value("wall_median_us", 0.0) / 1e6;
  result->min_s = times.value("wall_min_us", 0.0) / 1e6;
  result->max_s = times.value("wall_max_us", 0.0) / 1e6;
  result->cpu_s_per_gb = times.value("cpu_seconds_per_gigabyte", 0.0);
  if (result->median_s > 0) return Status();
  return Status(Code::kDataLoss, "no wall_median_us in what rank 0 printed");
}

}  // namespace

StatusOr<Result> Measure(const Row& row, const BenchOptions& options) {
  auto parsed = ParseSpec(row.spec);
  if (!parsed.ok()) return parsed.status();
  const Spec& spec = *parsed;
  const Traffic traffic = row.MakeTraffic(spec);
  Result result;
  result.bound = ComputeBound(spec, traffic, row.burst);
  result.burst_counted = ComputeBound(spec, traffic, Burst::kCounted);
  auto fabric = Fabric::Up(spec);
  if (!fabric.ok()) return fabric.status();
  const ProcessorTime before = ReadProcessorTime();
  auto document = Job(row, options, **fabric).Run();
  if (!document.ok()) return document.status();
  const ProcessorTime after = ReadProcessorTime();
  if (after.total > before.total) {
    result.idle = (after.idle - before.idle) / (after.total - before.total);
  }
  ITHACA_RETURN_IF_ERROR(ReadTimes(*document, &result));
  auto drops = (*fabric)->SwitchDrops();
  if (!drops.ok()) return drops.status();
  result.drops = *drops;
  return result;
}

}  // namespace ithaca::fabric
