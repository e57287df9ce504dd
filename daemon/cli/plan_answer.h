// A planner's answers as text for people.
//
// Used by plan, max-seq and validate. Pure functions.
#ifndef ITHACA_DAEMON_CLI_PLAN_ANSWER_H_
#define ITHACA_DAEMON_CLI_PLAN_ANSWER_H_

#include <string>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::cli {

// 80 columns fit a terminal; --wide takes this many.
inline constexpr size_t kNarrow = 80;
inline constexpr size_t kWide = 140;

// The plan with its ranks (narrow: the first 16), what it is expected to cost,
// what comes next, and why not the others. No line exceeds the width.
std::string PlanAnswerText(const planner::v1::PlanResponse& response,
                           bool wide);

// The findings, the worst first as they come, and a verdict.
std::string FindingsText(const planner::v1::ValidateResponse& response,
                         const std::string& subject);

// "1.34 s", "12.5 ms", "3.2 h".
std::string FormatSeconds(double seconds);

// Lines of at most `width` columns, each after `indent`.
std::string WrapText(const std::string& text, const std::string& indent,
                     size_t width);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_PLAN_ANSWER_H_
