// The shipped ithacad as a process that is killed, stopped and started again.
//
// Used by the histories and the soak of epochs. Threads: confined; the process
// dies with the thread that started it. Life: Start; the destructor kills it.
#ifndef ITHACA_TESTS_HISTORIES_DAEMON_PROCESS_H_
#define ITHACA_TESTS_HISTORIES_DAEMON_PROCESS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "tests/fabric/process.h"

namespace ithaca::histories {

class DaemonProcess {
 public:
  struct Options {
    // The program.
    std::string program = "daemon/ithacad";
    // Short enough for a socket's path.
    std::string run_dir;
    // Besides --run_dir.
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;
    // Path of a network namespace; empty: this one.
    std::string netns;
  };

  explicit DaemonProcess(Options options) : options_(std::move(options)) {}

  // Does not wait until it serves.
  Status Start();
  // Until somebody can connect. False: it has ended, or takes a minute.
  bool WaitUntilServing();
  // SIGKILL, and its end.
  void Kill();
  // SIGTERM, and its end: the exit status, or minus the signal.
  int Terminate();
  void Pause();
  void Resume();

  std::string socket() const { return options_.run_dir + "/ithacad.sock"; }
  // What it has logged since Start.
  std::string LogText() const;
  bool running() const { return process_.has_value(); }

 private:
  const Options options_;
  std::optional<fabric::Process> process_;
};

// A new folder with a path short enough for a socket, in `parent` or, if that
// is not possible, in /tmp.
std::string ShortFolder(const std::string& parent = "/tmp");

// Whether somebody accepts connections there.
bool CanConnect(const std::string& socket);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_DAEMON_PROCESS_H_
