// What ithaca-perf was asked to do: the command line as a value.
//
// Immutable after ParseCommandLine.
#ifndef ITHACA_PLUGIN_PERF_CONFIG_H_
#define ITHACA_PLUGIN_PERF_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/options.h"

namespace ithaca::perf {

enum class Pattern { kAllToAll, kAllToAllv, kSendRecv, kLatency };
enum class Verify { kAll, kFirst, kNone };
// kJson: one document at the end. kJsonLines: an object per line, each
// iteration as it ends, then that document.
enum class Output { kTable, kJson, kJsonLines };

struct Config {
  std::string plugin;  // empty: libnccl-net-ithaca.so beside the program
  int abi = 0;         // 0: the newest
  int ranks = 0;       // 0: from the counts file, else 2
  int rank = -1;       // -1: start all ranks here
  std::string rendezvous;
  int listen_fd = -1;  // rank 0 of a launcher: listens here already

  Pattern pattern = Pattern::kAllToAll;
  std::vector<size_t> bytes = {0, 1, 4 << 10, 128 << 10, 1 << 20, 16 << 20};
  std::string counts_file;
  int skew = 0;  // alltoallv: rank 0 receives this many times `bytes`; 0: none
  bool own_share = true;  // all-to-all: each rank also copies to itself
  std::string exchange = "seq_to_heads";  // which of a plan's two
  int iters = 20;
  int warmup = 2;
  int pause_ms = 0;       // before each iteration
  int round_trips = 100;  // per iteration of the latency pattern
  Verify verify = Verify::kAll;
  Output output = Output::kTable;
  // Two plugins in turns.
  bool compare = false;
  std::string compare_plugin;                    // empty: the same one again
  std::string compare_name;                      // empty: the plugin's own
  std::vector<std::string> compare_environment;  // NAME=VALUE, for its turns
  int turns = 5;                                 // of each
  bool rails = false;  // table: rates of each interface too
  bool verbose = false;
  int64_t timeout_ms = 60'000;
  driver::CommunicatorOptions driver;

  bool help = false;
};

// Error: kInvalidArgument with what is wrong and what would be right.
StatusOr<Config> ParseCommandLine(int argc, char* const* argv);

const char* PatternName(Pattern pattern);
// What --help prints.
std::string HelpText();

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_CONFIG_H_
