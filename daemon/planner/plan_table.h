// Plans as text for people.
//
// Used by ithacactl and the demo. Pure; safe from any thread. Everything fits
// 100 columns; exact figures are in the plan's JSON form.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_TABLE_H_
#define ITHACA_DAEMON_PLANNER_PLAN_TABLE_H_

#include <cstdint>
#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Columns that no line exceeds.
inline constexpr size_t kTableWidth = 100;

// A few lines on the whole plan, then one row per rank: place, tokens, padding,
// query heads, key/value heads, bytes to and from other ranks in one layer,
// forward and (when training) backward.
std::string PlanTable(const v1::Plan& plan);

// One paragraph for each family that was not taken; "" when there is none.
std::string RejectionText(const v1::PlanResponse& response);

// "640.0 MiB", "17 B".
std::string FormatBytes(uint64_t bytes);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_TABLE_H_
