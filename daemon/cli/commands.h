// All commands of ithacactl.
//
// Used by main and by tests. Threads: one.
#ifndef ITHACA_DAEMON_CLI_COMMANDS_H_
#define ITHACA_DAEMON_CLI_COMMANDS_H_

#include <string>
#include <vector>

#include "daemon/cli/command.h"

namespace ithaca::cli {

// One function per file <name>_command.cc.
Command DemoCommand();
Command GroupCreateCommand();
Command GroupDeleteCommand();
Command GroupExplainCommand();
Command GroupListCommand();
Command GroupReplanCommand();
Command GroupShowCommand();
Command GroupWatchCommand();
Command PlanCommand();
Command ValidateCommand();
Command MaxSeqCommand();
Command ExplainCommand();
Command StatusCommand();
Command DoctorCommand();
Command StoreBackupCommand();
Command StoreCheckCommand();
Command StoreDumpCommand();
Command StoreRestoreCommand();
Command TopologyConvertCommand();
Command TopologyReadCommand();
Command TopologyShowCommand();
Command VersionCommand();

// In the order of the help.
const std::vector<Command>& AllCommands();

// Runs the command line without the program's name; returns the exit status.
int Main(const std::vector<std::string>& line, const Streams& streams);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_COMMANDS_H_
