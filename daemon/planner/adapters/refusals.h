// Why a framework cannot run a strategy.
//
// Used by the writing of configurations alone. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_REFUSALS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_REFUSALS_H_

#include <string>
#include <vector>

#include "daemon/planner/adapters/adapter.h"

namespace ithaca::planner {

// Empty: it can. With `model` null, heads are not looked at.
// REQUIRES: the strategy is canonical.
std::vector<Refusal> FindRefusals(const Adapter& adapter,
                                  const JobConfig& config,
                                  const ModelDims* model);

// What of the strategy belongs into the training script.
std::vector<std::string> PartsForScript(const Adapter& adapter,
                                        const Strategy& strategy);

// Whether an engine can split a model's heads over U = `ulysses` ranks beside
// T = `tensor`, without an error and without a wrong result.
bool CanSplitHeads(Engine engine, const ModelDims& model, uint32_t ulysses,
                   uint32_t tensor);

// The largest such U that is at most `ulysses`; at least 1.
uint32_t LargestUlysses(Engine engine, const ModelDims& model, uint32_t ulysses,
                        uint32_t tensor);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_REFUSALS_H_
