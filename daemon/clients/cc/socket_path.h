// Where the daemon of this node is found: one rule for the daemon, its clients
// and the command line.
//
// The run directory is $ITHACA_RUN_DIR; else /run/ithaca for root; else
// $XDG_RUNTIME_DIR/ithaca. The socket is ithacad.sock in it.
//
// Threads: functions read the environment, so call them before it is changed.
#ifndef ITHACA_DAEMON_CLIENTS_CC_SOCKET_PATH_H_
#define ITHACA_DAEMON_CLIENTS_CC_SOCKET_PATH_H_

#include <string>

#include "absl/status/statusor.h"

namespace ithaca::client {

// The run directory of a daemon that this user starts. FAILED_PRECONDITION when
// the environment names none.
absl::StatusOr<std::string> RunDirectory();

// The socket in a run directory. INVALID_ARGUMENT when the path is longer than
// the system allows (107 bytes).
absl::StatusOr<std::string> SocketIn(const std::string& run_dir);

// The socket that a client of this user talks to: that of RunDirectory; if
// $ITHACA_RUN_DIR is not set and there is no such socket, that of the system's
// daemon in /run/ithaca. The socket need not exist.
absl::StatusOr<std::string> ClientSocket();

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_SOCKET_PATH_H_
