#include "tests/fabric/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace ithaca::fabric {
namespace {

constexpr int64_t kToolTimeoutMs = 60'000;

// A file without a name that holds `text`, read from its start.
int MemoryFile(const std::string& text) {
  const int fd = memfd_create("ithaca-fabric", MFD_CLOEXEC);
  if (fd < 0) return -1;
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) break;
    done += n;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string ReadAll(int fd) {
  std::string text;
  char chunk[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;) {
    text.append(chunk, n);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

struct Prepared {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  int in = -1, out = -1, err = -1;
  int niceness = 0;
};

[[noreturn]] void Die(const char* what, const char* name, int error) {
  dprintf(STDERR_FILENO, "%s %s: %s\n", what, name, strerror(error));
  _exit(127);
}

[[noreturn]] void RunChild(const Prepared& p, const char* netns, pid_t parent) {
  if (p.in >= 0) dup2(p.in, STDIN_FILENO);
  if (p.out >= 0) dup2(p.out, STDOUT_FILENO);
  if (p.err >= 0) dup2(p.err, STDERR_FILENO);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  // Not allowed, it runs like any other.
  if (p.niceness != 0) (void)setpriority(PRIO_PROCESS, 0, p.niceness);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (*netns != '\0') {
    const int error = EnterNamespace(netns);
    if (error != 0) Die("cannot enter", netns, error);
  }
  environ = const_cast<char**>(p.environment.data());
  execvp(p.argv[0], p.argv.data());
  Die("cannot run", p.argv[0], errno);
}

void FillEnvironment(std::map<std::string, std::string> added, Prepared* p) {
  added.emplace("PATH", SearchPath());
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string name(*e, strcspn(*e, "="));
    if (added.count(name) == 0) p->environment.push_back(*e);
  }
  for (const auto& [name, value] : added) {
    p->environment_text.push_back(name + "=" + value);
  }
  for (std::string& text : p->environment_text) {
    p->environment.push_back(text.data());
  }
  p->environment.push_back(nullptr);
}

StatusOr<int> OpenOutput(const std::string& path) {
  if (path.empty()) return -1;
  const int fd = open(
      path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  return ErrnoError(Code::kInvalidArgument, errno, "cannot write %s",
                    path.c_str());
}

StatusOr<pid_t> Fork(Prepared* p, const ProcessOptions& options) {
  FillEnvironment(options.environment, p);
  std::vector<std::string> words = options.argv;
  for (std::string& word : words) p->argv.push_back(word.data());
  p->argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunChild(*p, options.netns.c_str(), parent);
  if (pid > 0) return pid;
  return ErrnoError(Code::kResourceExhausted, errno, "cannot fork");
}

// Runs `argv` with both outputs in one memory file.
StatusOr<std::string> RunToEnd(const std::vector<std::string>& argv,
                               const std::string& netns,
                               const std::string& input) {
  const int log = MemoryFile("");
  if (log < 0) return ErrnoError(Code::kResourceExhausted, errno, "memfd");
  const std::string path = "/proc/self/fd/" + std::to_string(log);
  ProcessOptions options;
  options.argv = argv;
  options.netns = netns;
  options.input = input;
  options.out_path = options.err_path = path;
  auto process = Process::Start(options);
  auto exit = process.ok() ? process->Wait(kToolTimeoutMs)
                           : StatusOr<int>(process.status());
  const std::string text = ReadAll(log);
  close(log);
  if (!exit.ok()) return exit.status();
  if (*exit == 0) return text;
  return Errorf(Code::kFailedPrecondition, "%s %s: %s", argv[0].c_str(),
                argv.size() > 1 ? argv[1].c_str() : "", text.c_str());
}

}  // namespace

int EnterNamespace(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int failed = setns(fd, CLONE_NEWNET);
  const int error = errno;
  close(fd);
  if (failed != 0) return error;
  // Without these everything works but what looks below /sys/class/net.
  if (unshare(CLONE_NEWNS) == 0 &&
      mount("", "/", "none", MS_SLAVE | MS_REC, nullptr) == 0) {
    (void)mount("sysfs", "/sys", "sysfs", 0, nullptr);
  }
  return 0;
}

std::string SearchPath() {
  const char* path = getenv("PATH");
  return std::string(path == nullptr ? "/bin:/usr/bin" : path) +
         ":/usr/sbin:/sbin";
}

StatusOr<Process> Process::Start(const ProcessOptions& options) {
  Prepared p;
  p.niceness = options.niceness;
  auto out = OpenOutput(options.out_path);
  if (!out.ok()) return out.status();
  p.out = *out;
  auto err = OpenOutput(options.err_path);
  if (err.ok()) {
    p.err = *err;
    p.in = MemoryFile(options.input);
  }
  auto pid = err.ok() ? Fork(&p, options) : StatusOr<pid_t>(err.status());
  for (int fd : {p.in, p.out, p.err}) {
    if (fd >= 0) close(fd);
  }
  if (!pid.ok()) return pid.status();
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, *pid, 0));
  Process process(*pid, pidfd);
  if (pidfd >= 0) return process;
  return ErrnoError(Code::kResourceExhausted, errno, "pidfd_open");
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Process::~Process() { Kill(); }

void Process::Kill() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (pidfd_ >= 0) close(pidfd_);
  pid_ = pidfd_ = -1;
}

void Process::Signal(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

StatusOr<int> Process::Wait(int64_t timeout_ms) {
  if (pid_ < 0) return Status(Code::kInvalidArgument, "nothing to wait for");
  pollfd ready = {pidfd_, POLLIN, 0};
  int n;
  while ((n = poll(&ready, 1, static_cast<int>(timeout_ms))) < 0 &&
         errno == EINTR) {
  }
  if (n == 0) {
    return Errorf(Code::kDeadlineExceeded,
                  "process %d still runs after %lld ms", pid_,
                  static_cast<long long>(timeout_ms));
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Status RunTool(const std::vector<std::string>& argv, const std::string& netns,
               const std::string& input) {
  return RunToEnd(argv, netns, input).status();
}

StatusOr<std::string> AskTool(const std::vector<std::string>& argv,
                              const std::string& netns) {
  return RunToEnd(argv, netns, "");
}

}  // namespace ithaca::fabric
