// A strategy as the API has it, and as the cost functions take it.
//
// Used by the planner. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_STRATEGY_MESSAGE_H_
#define ITHACA_DAEMON_PLANNER_STRATEGY_MESSAGE_H_

#include "daemon/planner/cost/job.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The settings.
v1::Strategy StrategyMessage(const Strategy& strategy);

// The degrees.
v1::Mesh MeshMessage(const Strategy& strategy);

// The other way round; `layout` is that of the ring.
Strategy StrategyOf(const v1::Mesh& mesh, const v1::Strategy& strategy,
                    v1::SequenceLayout layout);

// The strategy that constraints with every degree and setting given ask for.
Strategy StrategyOf(const v1::Constraints& constraints);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_STRATEGY_MESSAGE_H_
