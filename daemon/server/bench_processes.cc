#include "daemon/server/bench_processes.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/server/daemon.h"
#include "daemon/server/group_load.h"

namespace ithaca::server {
namespace {

constexpr char kRole[] = "--be-watchers";

void Say(int fd) {
  if (write(fd, "\n", 1) != 1) _exit(1);
}

}  // namespace

DaemonProcess::DaemonProcess() {
  std::string folder = "/tmp/ithaca.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::exit(1);
  folder_ = folder;
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) std::exit(1);
  pid_ = fork();
  if (pid_ == 0) Serve(ready[1]);
  close(ready[1]);
  char byte = 0;
  if (read(ready[0], &byte, 1) != 1) std::exit(1);
  close(ready[0]);
}

DaemonProcess::~DaemonProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void DaemonProcess::Serve(int ready) const {
  Log log;
  DaemonOptions options;
  options.run_dir = folder_;
  options.log = &log;
  // All of it is one user's.
  options.rate_limits = {0, 0, 0};
  auto daemon = Daemon::Start(options);
  if (!daemon.ok()) {
    std::fprintf(stderr, "%s\n", daemon.status().ToString().c_str());
    _exit(1);
  }
  Say(ready);
  for (;;) pause();
}

int64_t DaemonProcess::ResidentBytes() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/statm"));
  int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

double DaemonProcess::CpuMs() const {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0) return 0;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 +
         static_cast<double>(time.tv_nsec) / 1e6;
}

WatcherProcess::WatcherProcess(const Crowd& crowd) {
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) std::exit(1);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, output[1], STDOUT_FILENO);
  std::vector<std::string> words{"groups_bench",
                                 kRole,
                                 crowd.socket,
                                 crowd.group,
                                 absl::StrCat(crowd.watchers),
                                 absl::StrCat(crowd.events),
                                 absl::StrCat(crowd.connections)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, arguments.data(),
                  environ) != 0) {
    std::exit(1);
  }
  posix_spawn_file_actions_destroy(&files);
  close(output[1]);
  output_ = output[0];
}

WatcherProcess::~WatcherProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(output_);
}

void WatcherProcess::WaitForByte() const {
  char byte = 0;
  if (read(output_, &byte, 1) != 1) std::exit(1);
}

bool IsWatcherProcess(int argc, char** argv) {
  return argc == 7 && std::string(argv[1]) == kRole;
}

int RunWatchers(char** argv) {
  const std::string group = argv[3];
  const auto watchers = static_cast<uint64_t>(std::atoi(argv[4]));
  const auto events = static_cast<uint64_t>(std::atoi(argv[5]));
  Connections connections(argv[2], std::atoi(argv[6]));
  Tally there, told;
  Streams streams;
  for (uint64_t i = 0; i < watchers; ++i) {
    streams.Watch(connections.any(i), group, 0, [&](const grpc::Slice& bytes) {
      Glance glance;
      if (!GlanceAt(bytes, &glance)) std::abort();
      if (glance.group_state != 0) there.Add();
      if (!glance.events.empty()) told.Add(glance.events.size());
    });
  }
  there.WaitFor(watchers);
  Say(STDOUT_FILENO);
  told.WaitFor(watchers * events);
  Say(STDOUT_FILENO);
  for (;;) pause();
}

}  // namespace ithaca::server
