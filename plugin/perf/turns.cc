#include "plugin/perf/turns.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "plugin/driver/bootstrap.h"
#include "plugin/perf/comparison.h"
#include "plugin/perf/launcher.h"

namespace ithaca::perf {
namespace {

constexpr int kFailed = 1;

std::string ReadAll(int fd) {
  std::string text;
  char piece[1 << 16];
  off_t at = 0;
  for (ssize_t n; (n = pread(fd, piece, sizeof(piece), at)) > 0; at += n) {
    text.append(piece, n);
  }
  return text;
}

class Turns {
 public:
  Turns(const Config& config, int argc, char* const* argv, int ranks)
      : config_(config), args_(argv, argv + argc), ranks_(ranks) {}

  int Run() {
    Comparison comparison;
    for (int number = 0; number < 2 * config_.turns; ++number) {
      const int side = number % 2;
      Turn turn;
      const int result = RunOne(number, &turn);
      if (result != 0) {
        fprintf(stderr, "ithaca-perf: turn %d of %s failed\n", number / 2 + 1,
                side == 0 ? "the first plugin" : "the compared plugin");
        return result;
      }
      if (!Prints()) continue;
      comparison.turns[side].push_back(std::move(turn));
      Name(side, &comparison);
      Show(comparison, side);
    }
    if (Prints()) PrintComparison(comparison, config_.output, stdout);
    return 0;
  }

 private:
  bool Prints() const { return config_.rank <= 0; }

  int RunOne(int number, Turn* turn) const {
    const int out = memfd_create("ithaca-perf turn", MFD_CLOEXEC);
    if (out < 0) {
      perror("ithaca-perf: memfd_create");
      return kFailed;
    }
    const driver::Fd owner(out);
    Job job;
    job.args = Arguments(number);
    job.stdout_fd = out;
    if (number % 2 == 1) job.environment = config_.compare_environment;
    const int result =
        config_.rank >= 0 ? LaunchOne(job) : LaunchRanks(job, ranks_);
    if (result != 0 || !Prints()) return result;
    auto parsed = ParseTurn(ReadAll(out));
    if (!parsed.ok()) {
      fprintf(stderr, "ithaca-perf: %s\n", parsed.status().message().c_str());
      return kFailed;
    }
    *turn = std::move(parsed).value();
    return 0;
  }

  // The last of each flag counts.
  std::vector<std::string> Arguments(int number) const {
    std::vector<std::string> args = args_;
    args.push_back("--compare=");
    args.push_back("--output=jsonl");
    if (number % 2 == 1 && !config_.compare_plugin.empty()) {
      args.push_back("--plugin=" + config_.compare_plugin);
    }
    if (config_.rank < 0) return args;
    // A rank that counts its turns otherwise is refused and named.
    auto id = driver::RendezvousId::Parse(config_.rendezvous);
    if (id.ok()) {  // as checked with the command line
      id->token += static_cast<uint64_t>(number) + 1;
      args.push_back("--rendezvous=" + id->ToString());
    }
    return args;
  }

  void Name(int side, Comparison* comparison) const {
    std::string name =
        comparison->turns[side][0].document["plugin"].value("name", "?");
    if (side == 1 && !config_.compare_name.empty()) name = config_.compare_name;
    if (side == 1 && name == comparison->names[0]) name += " (2)";
    comparison->names[side] = name;
  }

  // The newest turn's iterations.
  void Show(const Comparison& comparison, int side) const {
    if (config_.output != Output::kJsonLines) return;
    const size_t number = comparison.turns[side].size();
    for (nlohmann::ordered_json line :
         comparison.turns[side].back().iterations) {
      line["plugin"] = comparison.names[side];
      line["turn"] = number - 1;
      fprintf(stdout, "%s\n", line.dump().c_str());
    }
    fflush(stdout);
  }

  const Config& config_;
  const std::vector<std::string> args_;
  const int ranks_;
};

}  // namespace

int RunTurns(const Config& config, int argc, char* const* argv, int ranks) {
  return Turns(config, argc, argv, ranks).Run();
}

}  // namespace ithaca::perf
