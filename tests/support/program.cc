#include "tests/support/program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace ithaca::testing {

Program::Program(const std::string& path, std::vector<std::string> args,
                 const std::map<std::string, std::string>& environment) {
  static std::atomic<int> count{0};
  const char* folder = getenv("TEST_TMPDIR");
  const std::string base = std::string(folder == nullptr ? "/tmp" : folder) +
                           "/program" + std::to_string(getpid()) + "-" +
                           std::to_string(++count);
  out_path_ = base + ".out";
  err_path_ = base + ".err";
  args.insert(args.begin(), path);
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  if (freopen(out_path_.c_str(), "w", stdout) == nullptr ||
      freopen(err_path_.c_str(), "w", stderr) == nullptr) {
    _exit(126);
  }
  for (const auto& variable : environment) {
    setenv(variable.first.c_str(), variable.second.c_str(), 1);
  }
  execv(path.c_str(), argv.data());
  _exit(127);
}

Program::~Program() {
  if (!waited_) {
    kill(pid_, SIGKILL);
    (void)Wait();
  }
  unlink(out_path_.c_str());
  unlink(err_path_.c_str());
}

int Program::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  waited_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Program::out() const { return ReadFile(out_path_); }
std::string Program::err() const { return ReadFile(err_path_); }

std::vector<pid_t> Program::Children() const {
  const std::string pid = std::to_string(pid_);
  std::stringstream list(
      ReadFile("/proc/" + pid + "/task/" + pid + "/children"));
  std::vector<pid_t> children;
  pid_t child;
  while (list >> child) children.push_back(child);
  return children;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool IsRunning(pid_t pid) {
  // "pid (name) state ..."; the name may hold anything.
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const size_t name_end = stat.rfind(')');
  return name_end != stat.npos && stat[name_end + 2] != 'Z';
}

}  // namespace ithaca::testing
