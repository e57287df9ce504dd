// Runs two plugins in turns: A B A B ... (--compare).
//
// Each turn is a run of this program of its own: the ranks start, connect, warm
// up, measure and end before the other plugin's start. So only one plugin's
// threads exist at a time, and all CPU time that a rank sees is its plugin's.
// Ranks started by hand each run their own process per turn; they meet at the
// same rendezvous every time. One thread; call before any thread exists.
#ifndef ITHACA_PLUGIN_PERF_TURNS_H_
#define ITHACA_PLUGIN_PERF_TURNS_H_

#include "plugin/perf/config.h"

namespace ithaca::perf {

// `argv` is the command line that `config` came from; `ranks` to start when
// config.rank is not set. Prints the comparison where rank 0 runs. The exit
// status, as LaunchRanks.
int RunTurns(const Config& config, int argc, char* const* argv, int ranks);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_TURNS_H_
