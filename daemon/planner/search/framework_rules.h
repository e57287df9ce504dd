// Which frameworks can run a choice, and how each numbers ranks.
//
// Used by the enumeration of strategies and by answers. Pure; safe from any
// thread. What each can run is in daemon/planner/frameworks.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_FRAMEWORK_RULES_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_FRAMEWORK_RULES_H_

#include <string>
#include <vector>

#include "daemon/planner/request.h"
#include "daemon/planner/search/legal.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// A framework's name for people: "Megatron-LM".
const char* FrameworkName(v1::Framework framework);

// Why the framework cannot run the choice, a sentence with the remedy; empty
// when it can.
std::string WhyFrameworkCannot(v1::Framework framework, const Request& request,
                               const Choice& choice);

// How much of the choice the frameworks that the constraints name cannot run.
// 0: all can run it. Allocates nothing.
int CountRefusals(const Request& request, const Choice& choice);

// The first framework that the constraints name and that cannot run the choice;
// unspecified: all can.
v1::Framework FirstThatCannot(const Request& request, const Choice& choice);

// How every framework numbers the ranks of `plan`, which `choice` describes, in
// the order of the enum.
std::vector<v1::FrameworkLayout> FrameworkLayouts(const Request& request,
                                                  const Choice& choice,
                                                  const v1::Plan& plan);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_FRAMEWORK_RULES_H_
