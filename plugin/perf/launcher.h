// Starts all ranks on this machine, each a process of this same program.
//
// The ranks die with the launcher, whatever ends it; the launcher ends them
// when one fails or on Ctrl-C. One thread; call before any thread exists.
#ifndef ITHACA_PLUGIN_PERF_LAUNCHER_H_
#define ITHACA_PLUGIN_PERF_LAUNCHER_H_

namespace ithaca::perf {

// Runs argv once per rank with --rank and --rendezvous added. The exit status:
// 0 when all ranks ended with 0, 2 when one said wrong usage, 128 + n after
// signal n to the launcher, 1 otherwise.
int LaunchRanks(int argc, char* const* argv, int ranks);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_LAUNCHER_H_
