// ithaca-perf: see --help.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "plugin/perf/config.h"
#include "plugin/perf/counts.h"
#include "plugin/perf/launcher.h"
#include "plugin/perf/runner.h"
#include "plugin/perf/turns.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int UsageError(const ithaca::Status& status) {
  fprintf(stderr, "ithaca-perf: %s\n", status.message().c_str());
  fprintf(stderr, "ithaca-perf --help explains, with examples.\n");
  return kUsage;
}

int RunRank(const ithaca::perf::Config& config) {
  const ithaca::Status status = ithaca::perf::Runner(config).Run();
  if (status.ok()) return 0;
  fprintf(stderr, "ithaca-perf: rank %d: %s\n", config.rank,
          status.ToString().c_str());
  fflush(nullptr);
  // A thread may sit in a plugin that never returns: leave without it.
  _exit(kFailed);
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = ithaca::perf::ParseCommandLine(argc, argv);
  if (!parsed.ok()) return UsageError(parsed.status());
  ithaca::perf::Config config = std::move(parsed).value();
  if (config.help) {
    fputs(ithaca::perf::HelpText().c_str(), stdout);
    return 0;
  }
  if (config.rank >= 0) {
    if (config.compare) return ithaca::perf::RunTurns(config, argc, argv, 0);
    return RunRank(config);
  }
  int ranks = config.ranks;
  if (!config.counts_file.empty()) {
    // Before any process starts, and for the number of ranks.
    auto counts = ithaca::perf::ReadCounts(config.counts_file, config.exchange);
    if (!counts.ok()) return UsageError(counts.status());
    const int wanted = static_cast<int>(counts->size());
    if (ranks != 0 && ranks != wanted) {
      return UsageError(
          ithaca::Errorf(ithaca::Code::kInvalidArgument,
                         "--ranks=%d, and %s is for %d; leave --ranks out",
                         ranks, config.counts_file.c_str(), wanted));
    }
    ranks = wanted;
  }
  if (ranks == 0) ranks = 2;
  if (config.compare) return ithaca::perf::RunTurns(config, argc, argv, ranks);
  ithaca::perf::Job job;
  job.args.assign(argv, argv + argc);
  return ithaca::perf::LaunchRanks(job, ranks);
}
