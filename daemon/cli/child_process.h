// A process that a command starts, watches and surely ends.
//
// Used by the demo. Threads: one. Life: the destructor kills a child that still
// runs and reaps it, so that nothing is left behind.
#ifndef ITHACA_DAEMON_CLI_CHILD_PROCESS_H_
#define ITHACA_DAEMON_CLI_CHILD_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::cli {

class ChildProcess {
 public:
  struct Spec {
    std::string program;
    std::vector<std::string> args;
    // Added to this process's environment unless set there.
    std::map<std::string, std::string> environment_defaults;
    std::string log;  // where its output and errors go
  };

  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const Spec& spec);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Its exit status once it has ended (128 + the signal that killed it); never
  // waits.
  std::optional<int> Poll();
  // SIGTERM, then SIGKILL when it has not ended within `grace_ms`.
  void Stop(int grace_ms);

  pid_t pid() const { return pid_; }
  // The last lines of its log, for error messages.
  std::string LogTail() const;

 private:
  ChildProcess(pid_t pid, std::string log) : pid_(pid), log_(std::move(log)) {}

  const pid_t pid_;
  const std::string log_;
  std::optional<int> exit_status_;
};

// The folder of the running program.
std::string ProgramFolder();

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_CHILD_PROCESS_H_
