// Text that a command is given: the content of a file, or standard input.
//
// Used by commands that read files. Threads: one.
#ifndef ITHACA_DAEMON_CLI_INPUT_H_
#define ITHACA_DAEMON_CLI_INPUT_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/cli/command.h"

namespace ithaca::cli {

// The content of `path`, or of standard input for "-". INVALID_ARGUMENT that
// names it when it cannot be read or is larger than 64 MiB.
absl::StatusOr<std::string> ReadInput(const Context& context,
                                      const std::string& path);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_INPUT_H_
