// Why a framework cannot run a strategy.
//
// Used by the search over strategies and by the writing of configurations, so
// that a plan for a framework is one that can be written for it. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_FRAMEWORKS_REFUSALS_H_
#define ITHACA_DAEMON_PLANNER_FRAMEWORKS_REFUSALS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/frameworks/framework.h"

namespace ithaca::planner {

// One reason, with what to do about it.
struct Refusal {
  std::string code;    // for programs, e.g. "heads-not-divisible"
  std::string reason;  // one sentence
  std::string remedy;  // what to do instead, and what can run it
};

// What of the work and the model frameworks are particular about.
struct Demand {
  uint64_t sequence = 0;  // with its padding; 0: any
  bool training = true;
  AttentionMask mask = AttentionMask::kCausal;
  bool documents = false;            // several packed in one sequence
  const ModelDims* model = nullptr;  // null: heads are not looked at
};
Demand DemandOf(const Work& work, const ModelDims* model);

// Empty: `framework` can run the strategy with this engine. REQUIRES: the
// strategy is canonical.
std::vector<Refusal> FindRefusals(Framework framework, Engine engine,
                                  const Strategy& strategy,
                                  const Demand& demand);

// How many there are, with the engine that the framework would take. Allocates
// nothing. REQUIRES: as FindRefusals.
int CountRefusals(Framework framework, const Strategy& strategy,
                  const Demand& demand);

// What of the strategy belongs into the training script.
std::vector<std::string> PartsForScript(Framework framework,
                                        const Strategy& strategy);

// Whether an engine can split a model's heads over U = `ulysses` ranks beside
// T = `tensor`, without an error and without a wrong result.
bool CanSplitHeads(Engine engine, const ModelDims& model, uint32_t ulysses,
                   uint32_t tensor);

// The largest such U that is at most `ulysses`; at least 1.
uint32_t LargestUlysses(Engine engine, const ModelDims& model, uint32_t ulysses,
                        uint32_t tensor);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FRAMEWORKS_REFUSALS_H_
