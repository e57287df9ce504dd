// The subcommands of `fabric`, as an explicit table.
//
// One thread. Each returns the exit status: 0 done, 1 failed or the answer is
// no, 2 wrong usage.
#ifndef ITHACA_TESTS_FABRIC_COMMANDS_H_
#define ITHACA_TESTS_FABRIC_COMMANDS_H_

#include <string>
#include <vector>

namespace ithaca::fabric {

using Arguments = std::vector<std::string>;

// arguments[0] is the subcommand.
int RunCommand(const Arguments& arguments);

// What --help prints.
std::string HelpText();

int RunBound(const Arguments& arguments);
int RunBench(const Arguments& arguments);

// Prints "fabric: MESSAGE" and the way to the help.
int UsageError(const std::string& message);
// Prints "fabric: MESSAGE".
int Failure(const std::string& message);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_COMMANDS_H_
