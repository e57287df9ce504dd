// Starts ranks on this machine, each a process of this same program.
//
// The ranks die with the launcher, whatever ends it; the launcher ends them
// when one fails or on Ctrl-C. One thread; call before any thread exists.
#ifndef ITHACA_PLUGIN_PERF_LAUNCHER_H_
#define ITHACA_PLUGIN_PERF_LAUNCHER_H_

#include <string>
#include <vector>

namespace ithaca::perf {

struct Job {
  std::vector<std::string> args;  // the command line, [0] the program
  int stdout_fd = -1;             // -1: the launcher's own standard output
  std::vector<std::string> environment;  // NAME=VALUE, added
};

// Runs the job once per rank with --rank and --rendezvous added. The exit
// status: 0 when all ranks ended with 0, 2 when one said wrong usage, 128 + n
// after signal n to the launcher, 1 otherwise.
int LaunchRanks(const Job& job, int ranks);
// Runs the job once, as it is.
int LaunchOne(const Job& job);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_LAUNCHER_H_
