// Runs a program as a test's child, with its output in files.
//
// For tests of whole commands: exit status, output, signals, children. Files
// lie in TEST_TMPDIR. One thread per object; a child that is still there when
// the object goes is killed.
#ifndef ITHACA_TESTS_SUPPORT_PROGRAM_H_
#define ITHACA_TESTS_SUPPORT_PROGRAM_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace ithaca::testing {

class Program {
 public:
  // `environment` is added to this process's own.
  Program(const std::string& path, std::vector<std::string> args,
          const std::map<std::string, std::string>& environment = {});
  ~Program();

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Waits for its end: the exit status, or -signal.
  int Wait();

  pid_t pid() const { return pid_; }
  // What it has printed so far.
  std::string out() const;
  std::string err() const;
  std::vector<pid_t> Children() const;

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  std::string out_path_;
  std::string err_path_;
};

std::string ReadFile(const std::string& path);

// Whether the process is there and not just waiting to be reaped.
bool IsRunning(pid_t pid);

}  // namespace ithaca::testing

#endif  // ITHACA_TESTS_SUPPORT_PROGRAM_H_
