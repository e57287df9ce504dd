#include "plugin/perf/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/driver/bootstrap.h"

namespace ithaca::perf {
namespace {

// How long the other ranks may take to report and end after one failed.
constexpr int64_t kGraceNs = 5 * kNsPerSecond;

class Launcher {
 public:
  explicit Launcher(const Job& job) : job_(job) {
    sigemptyset(&signals_);
    for (int s : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, s);
    sigprocmask(SIG_BLOCK, &signals_, &old_mask_);
  }

  ~Launcher() { sigprocmask(SIG_SETMASK, &old_mask_, nullptr); }

  int RunOne() {
    if (!Start(0, job_.args, -1)) return 1;
    while (!running_.empty()) WaitOnce();
    return result_;
  }

  int RunAll(int ranks) {
    auto listener = driver::BootstrapListener::Open({"127.0.0.1", 0});
    if (!listener.ok()) {
      fprintf(stderr, "ithaca-perf: %s\n",
              listener.status().ToString().c_str());
      return 1;
    }
    const std::string id = listener->id();
    driver::Fd fd = std::move(*listener).TakeFd();
    for (int r = 0; r < ranks; ++r) {
      if (!StartRank(r, ranks, id, fd.get())) {
        Signal(SIGKILL);
        result_ = 1;
        break;
      }
    }
    fd.Reset();
    while (!running_.empty()) WaitOnce();
    return result_;
  }

 private:
  struct Child {
    pid_t pid;
    int rank;
  };

  bool StartRank(int rank, int ranks, const std::string& id, int listen_fd) {
    std::vector<std::string> args = job_.args;
    args.push_back("--ranks=" + std::to_string(ranks));
    args.push_back("--rank=" + std::to_string(rank));
    args.push_back("--rendezvous=" + id);
    if (rank != 0) return Start(rank, std::move(args), -1);
    args.push_back("--listen-fd=" + std::to_string(listen_fd));
    return Start(rank, std::move(args), listen_fd);
  }

  // `keep_fd` stays open in the child; -1: none.
  bool Start(int rank, std::vector<std::string> args, int keep_fd) {
    std::vector<char*> pointers;
    for (std::string& arg : args) pointers.push_back(arg.data());
    pointers.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      fprintf(stderr, "ithaca-perf: cannot start rank %d: %s\n", rank,
              strerror(errno));
      return false;
    }
    if (pid > 0) {
      running_.push_back({pid, rank});
      return true;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
    for (const std::string& variable : job_.environment) {
      const size_t equals = variable.find('=');
      setenv(variable.substr(0, equals).c_str(),
             variable.substr(equals + 1).c_str(), 1);
    }
    if (job_.stdout_fd >= 0) dup2(job_.stdout_fd, STDOUT_FILENO);
    if (keep_fd >= 0) fcntl(keep_fd, F_SETFD, 0);  // stays open across exec
    execv("/proc/self/exe", pointers.data());
    _exit(127);
  }

  void WaitOnce() {
    const timespec pause = {0, 200 * kNsPerMs};
    const int signal = sigtimedwait(&signals_, nullptr, &pause);
    if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) {
      result_ = 128 + signal;
      interrupted_ = true;
      Signal(SIGKILL);
    }
    Reap();
    if (failed_at_ns_ != 0 &&
        MonotonicClock().NowNs() - failed_at_ns_ > kGraceNs) {
      Signal(SIGKILL);
    }
  }

  void Reap() {
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      const auto child =
          std::find_if(running_.begin(), running_.end(),
                       [pid](const Child& c) { return c.pid == pid; });
      if (child == running_.end()) continue;
      Judge(child->rank, status);
      running_.erase(child);
    }
  }

  void Judge(int rank, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (WIFSIGNALED(status) && !interrupted_ && failed_at_ns_ == 0) {
      fprintf(stderr, "ithaca-perf: rank %d was ended by signal %d (%s)\n",
              rank, WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    if (failed_at_ns_ == 0) failed_at_ns_ = MonotonicClock().NowNs();
    if (result_ == 0) {
      result_ = WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 1;
    }
  }

  void Signal(int signal) const {
    for (const Child& child : running_) kill(child.pid, signal);
  }

  const Job& job_;
  sigset_t signals_;
  sigset_t old_mask_;
  std::vector<Child> running_;
  int result_ = 0;
  int64_t failed_at_ns_ = 0;
  bool interrupted_ = false;
};

}  // namespace

int LaunchRanks(const Job& job, int ranks) {
  return Launcher(job).RunAll(ranks);
}

int LaunchOne(const Job& job) { return Launcher(job).RunOne(); }

}  // namespace ithaca::perf
