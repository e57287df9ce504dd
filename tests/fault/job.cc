#include "tests/fault/job.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <utility>

namespace ithaca::fault {
namespace {

using Clock = std::chrono::steady_clock;
using fabric::Fabric;

constexpr int64_t kPatienceMs = 60'000;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

Status AddManagementNetwork(const Fabric& fabric) {
  const std::string path = fabric.HostNetns(1);
  const std::string peer = path.substr(path.rfind('/') + 1);
  ITHACA_RETURN_IF_ERROR(
      fabric::RunTool({"ip", "link", "add", "mgmt", "type", "veth", "peer",
                       "name", "mgmt", "netns", peer},
                      fabric.HostNetns(0), ""));
  for (int host = 0; host < 2; ++host) {
    const std::string address = "10.200.0." + std::to_string(host + 1) + "/24";
    const std::string netns = fabric.HostNetns(host);
    ITHACA_RETURN_IF_ERROR(fabric::RunTool(
        {"ip", "addr", "add", address, "dev", "mgmt"}, netns, ""));
    ITHACA_RETURN_IF_ERROR(
        fabric::RunTool({"ip", "link", "set", "mgmt", "up"}, netns, ""));
  }
  return Status();
}

std::string Job::OutPath(int rank) const {
  return fabric_->HostFolder(rank) + "/out";
}

std::string Job::LogPath(int rank) const {
  return fabric_->HostFolder(rank) + "/log";
}

StatusOr<std::unique_ptr<Job>> Job::Start(const Fabric* fabric,
                                          const Options& options) {
  std::unique_ptr<Job> job(new Job(fabric, options.iterations));
  const int hosts = fabric->spec().hosts;
  for (int host = 0; host < hosts; ++host) {
    fabric::ProcessOptions rank;
    rank.argv = {"plugin/ithaca-perf",
                 "--plugin",
                 "plugin/libnccl-net-ithaca.so",
                 "--ranks",
                 std::to_string(hosts),
                 "--rank",
                 std::to_string(host),
                 "--rendezvous",
                 "10.200.0.1:5555",
                 "--bytes",
                 options.bytes,
                 "--iters",
                 std::to_string(options.iterations),
                 "--warmup",
                 "0",
                 "--verify",
                 "all",
                 "--json",
                 "-v"};
    rank.environment = options.environment;
    rank.environment["ITHACA_RAILS"] = fabric->RailNames();
    rank.out_path = job->OutPath(host);
    rank.err_path = job->LogPath(host);
    auto process = fabric->Start(host, rank);
    if (!process.ok()) return process.status();
    job->ranks_.push_back(std::move(process).value());
    job->exits_.emplace_back();
  }
  return job;
}

std::vector<Iteration> Job::Iterations() const {
  std::vector<Iteration> iterations;
  std::istringstream lines(ReadAll(OutPath(0)));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "iteration") continue;
    Iteration& iteration = iterations.emplace_back();
    iteration.wall_ms = event.at("wall_us").get<double>() / 1000;
    iteration.longest_stall_ms =
        event.at("longest_stall_us").get<double>() / 1000;
    iteration.rail_bytes.resize(fabric_->spec().rails);
    for (const auto& rail : event.at("rails")) {
      const std::string name = rail.at("interface");
      for (int r = 0; r < fabric_->spec().rails; ++r)
        if (name == "rail" + std::to_string(r) && rail.at("ranks").at(0) == 0)
          iteration.rail_bytes[r] = rail.at("sent_bytes");
    }
  }
  return iterations;
}

std::string Job::Log(int rank) const { return ReadAll(LogPath(rank)); }

std::vector<std::string> Job::Warnings(int rank) const {
  std::vector<std::string> warnings;
  std::istringstream lines(Log(rank));
  for (std::string line; std::getline(lines, line);)
    if (line.find(" WARN ") != std::string::npos) warnings.push_back(line);
  return warnings;
}

std::string Job::Everything() const {
  std::string text;
  for (size_t i = 0; i < ranks_.size(); ++i)
    text += "\n--- rank " + std::to_string(i) + ":\n" + Log(i);
  return text;
}

Status Job::WaitForIterations(size_t count) {
  size_t seen = 0;
  bool ended = false;
  for (auto last = Clock::now();
       !ended && Clock::now() - last < std::chrono::milliseconds(kPatienceMs);
       std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
    ended = Ended(0, 0);
    const size_t now = Iterations().size();
    if (now >= count) return Status();
    if (now > seen) last = Clock::now();
    seen = now;
  }
  return Errorf(Code::kDeadlineExceeded,
                "%zu of %zu iterations, and the job %s%s", seen, count,
                ended ? "has ended" : "does not go on", Everything().c_str());
}

StatusOr<double> Job::WaitForRailMs(int rail) {
  const auto start = Clock::now();
  for (size_t next = Iterations().size();; ++next) {
    ITHACA_RETURN_IF_ERROR(WaitForIterations(next + 1));
    const Iteration iteration = Iterations()[next];
    uint64_t all = 0;
    for (uint64_t bytes : iteration.rail_bytes) all += bytes;
    if (iteration.rail_bytes[rail] * 10 < all) continue;
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  }
}

bool Job::Ended(int rank, int64_t timeout_ms) {
  if (exits_[rank].has_value()) return true;
  StatusOr<int> status = ranks_[rank].Wait(timeout_ms);
  if (status.ok()) exits_[rank] = *status;
  return status.ok();
}

StatusOr<int> Job::WaitForRank(int rank) {
  if (Ended(rank, kPatienceMs)) return *exits_[rank];
  return Errorf(Code::kDeadlineExceeded, "rank %d does not end%s", rank,
                Everything().c_str());
}

Status Job::WaitForEnd() {
  ITHACA_RETURN_IF_ERROR(WaitForIterations(iterations_));
  for (size_t i = 0; i < ranks_.size(); ++i) {
    StatusOr<int> status = WaitForRank(i);
    if (!status.ok()) return status.status();
    if (*status != 0)
      return Errorf(Code::kDataLoss, "rank %zu ended with status %d%s", i,
                    *status, Everything().c_str());
  }
  return Status();
}

std::string Job::Summary(const std::string& what) const {
  std::vector<double> walls;
  double stall = 0;
  for (const Iteration& iteration : Iterations()) {
    walls.push_back(iteration.wall_ms);
    stall = std::max(stall, iteration.longest_stall_ms);
  }
  if (walls.empty()) return what + ": no iteration";
  std::sort(walls.begin(), walls.end());
  char text[200];
  snprintf(text, sizeof(text),
           ": median iteration %.0f ms, longest %.0f ms; longest stall %.0f ms",
           walls[walls.size() / 2], walls.back(), stall);
  return what + text;
}

}  // namespace ithaca::fault
