#include "daemon/cli/child_process.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ithaca::cli {
namespace {

constexpr size_t kTailBytes = 2000;

std::vector<std::string> Environment(
    const std::map<std::string, std::string>& defaults) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry)
    entries.push_back(*entry);
  for (const auto& [name, value] : defaults)
    if (getenv(name.c_str()) == nullptr)
      entries.push_back(absl::StrCat(name, "=", value));
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const Spec& spec) {
  std::vector<std::string> args = {spec.program};
  args.insert(args.end(), spec.args.begin(), spec.args.end());
  std::vector<std::string> environment = Environment(spec.environment_defaults);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, spec.log.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, spec.program.c_str(), &actions, nullptr,
                  Pointers(&args).data(), Pointers(&environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::NotFoundError(
        absl::StrCat("cannot start ", spec.program, ": ", strerror(error)));
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, spec.log));
}

ChildProcess::~ChildProcess() { Stop(0); }

std::optional<int> ChildProcess::Poll() {
  int status = 0;
  if (!exit_status_.has_value() && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_status_ =
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_status_;
}

void ChildProcess::Stop(int grace_ms) {
  if (Poll().has_value()) return;
  if (grace_ms > 0) kill(pid_, SIGTERM);
  for (int waited = 0; waited < grace_ms && !Poll().has_value(); waited += 10)
    absl::SleepFor(absl::Milliseconds(10));
  if (Poll().has_value()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) exit_status_ = 128 + SIGKILL;
}

std::string ChildProcess::LogTail() const {
  std::ifstream file(log_, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  return text.size() <= kTailBytes
             ? text
             : "..." + text.substr(text.size() - kTailBytes);
}

std::string ProgramFolder() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  const std::string text(path, n > 0 ? n : 0);
  const size_t slash = text.rfind('/');
  return slash == std::string::npos ? "." : text.substr(0, slash);
}

}  // namespace ithaca::cli
