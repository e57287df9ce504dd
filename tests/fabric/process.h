// Child processes, each in a network namespace of choice.
//
// Used by the fabric (ip and tc), the bench (ranks) and tests (whatever runs in
// a host). A child dies with the thread that started it. Thread-confined;
// starting is safe while other threads run. Destruction kills and reaps.
#ifndef ITHACA_TESTS_FABRIC_PROCESS_H_
#define ITHACA_TESTS_FABRIC_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::fabric {

struct ProcessOptions {
  // argv[0] is looked up in PATH, then in the folders of system programs.
  std::vector<std::string> argv;
  std::string netns;  // path of a namespace; empty: this one
  std::map<std::string, std::string> environment;  // added to our own
  std::string input;                               // standard input
  // Files for output; empty: ours.
  std::string out_path;
  std::string err_path;
  int niceness = 0;  // as nice(1): below 0 goes before others
};

class Process {
 public:
  static StatusOr<Process> Start(const ProcessOptions& options);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  // The exit status, or -signal. DEADLINE_EXCEEDED leaves it running.
  StatusOr<int> Wait(int64_t timeout_ms);
  void Signal(int signal);
  pid_t pid() const { return pid_; }

 private:
  explicit Process(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  void Kill();

  pid_t pid_ = -1;  // -1: reaped or moved from
  int pidfd_ = -1;
};

// Runs a command to its end. Not zero is an error with what it printed.
Status RunTool(const std::vector<std::string>& argv, const std::string& netns,
               const std::string& input);
// The same for a question: what it printed.
StatusOr<std::string> AskTool(const std::vector<std::string>& argv,
                              const std::string& netns);

// PATH and behind it the folders of ip and tc, which not everybody's has.
std::string SearchPath();

// Moves the calling thread into a namespace, and, where that is allowed, gives
// it the /sys of that namespace. 0 or errno. Safe between fork and exec.
int EnterNamespace(const char* path);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_PROCESS_H_
