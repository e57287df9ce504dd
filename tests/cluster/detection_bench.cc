// How long until the loss of a daemon, or of a node, is seen by the members
// that remain; and whether stops of one second are ever taken for one.
//
//   detection_bench [--runs=N]
//
// Each run joins one member of a group through each of three daemons in network
// namespaces, stops every daemon for one second, and then kills a daemon or
// takes its link down: coordinators and followers in turn.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/cluster/cluster.h"

namespace ithaca::tests {
namespace {

using Clock = std::chrono::steady_clock;

struct Result {
  std::vector<double> killed_ms;
  std::vector<double> cut_ms;
  int stops = 0;
  int false_losses = 0;
};

void Print(const char* what, std::vector<double> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const auto at = [&times](double share) {
    return times[static_cast<size_t>(share *
                                     static_cast<double>(times.size() - 1))];
  };
  std::printf("%-14s runs %3zu  p50 %6.0f ms  p99 %6.0f ms  max %6.0f ms\n",
              what, times.size(), at(0.5), at(0.99), times.back());
}

// One second for each daemon; counts whose epoch has changed.
void StopEach(Cluster* cluster, Members* members, uint64_t epoch,
              Result* result) {
  for (size_t node = 0; node < cluster->size(); ++node) {
    cluster->Pause(node);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    cluster->Resume(node);
    cluster->WaitUntilWell();
    ++result->stops;
  }
  const auto group = cluster->Connect(0)->GetGroup(members->group(), false);
  if (!group.ok() || group->epoch() != epoch) {
    std::printf("a stop was taken for a loss: %s\n",
                group.ok() ? group->reason().c_str()
                           : group.status().ToString().c_str());
    ++result->false_losses;
  }
}

bool OneRun(Cluster* cluster, int run, bool with_stops, Result* result) {
  size_t coordinator = cluster->WaitUntilWell();
  Members members(cluster, "g" + std::to_string(run));
  uint64_t epoch = members.WaitComplete();
  if (with_stops) {
    StopEach(cluster, &members, epoch, result);
    coordinator = cluster->WaitUntilWell();
    epoch = members.WaitComplete();
  }
  const bool kills = run % 2 == 0;
  const size_t victim =
      run % 4 < 2 ? coordinator : (coordinator + 1) % cluster->size();
  const Clock::time_point start = Clock::now();
  if (kills) {
    cluster->Kill(victim);
  } else {
    cluster->SetLink(victim, false);
  }
  for (size_t i = 0; i < cluster->size(); ++i) {
    if (i == victim) continue;
    const auto view = members.at(i)->WaitEpochAfter(epoch, 60'000);
    if (!view.ok()) {
      std::printf("run %d: %s\n", run, view.status().ToString().c_str());
      return false;
    }
  }
  const double ms =
      std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  (kills ? result->killed_ms : result->cut_ms).push_back(ms);
  if (std::getenv("ITHACA_EACH_RUN") != nullptr) {
    std::printf("run %d: %s %s %.0f ms\n", run, kills ? "kill" : "cut",
                victim == coordinator ? "coordinator" : "follower", ms);
  }
  if (kills) {
    cluster->StartDaemon(victim);
  } else {
    cluster->SetLink(victim, true);
  }
  return true;
}

int Run(int runs) {
  Cluster::Options options;
  options.namespaces = true;
  if (const std::string why = Cluster::WhyNot(options); !why.empty()) {
    std::printf("SKIPPED: %s\n", why.c_str());
    return 0;
  }
  const auto cluster = Cluster::Start(options);
  if (cluster == nullptr) return 1;
  Result result;
  for (int run = 0; run < runs; ++run) {
    // Every eighth run: a stop takes a second.
    if (!OneRun(cluster.get(), run, run % 8 == 0, &result)) return 1;
  }
  Print("daemon killed", result.killed_ms);
  Print("node cut off", result.cut_ms);
  std::printf("stops of 1 s  %d, taken for a loss: %d\n", result.stops,
              result.false_losses);
  return result.false_losses == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ithaca::tests

int main(int argc, char** argv) {
  int runs = 200;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--runs=", 0) == 0) runs = std::atoi(word.c_str() + 7);
  }
  if (runs < 1) {
    std::fprintf(stderr, "usage: detection_bench [--runs=N], N at least 1\n");
    return 2;
  }
  return ithaca::tests::Run(runs);
}
