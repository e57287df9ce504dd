// The other processes of groups_bench: the daemon, and a crowd of watchers.
//
// Threads: the owner's. Life: the processes are gone with the objects.
#ifndef ITHACA_DAEMON_SERVER_BENCH_PROCESSES_H_
#define ITHACA_DAEMON_SERVER_BENCH_PROCESSES_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ithaca::server {

// A daemon in a folder of its own. Must be made before anything of gRPC runs in
// this process, because it is forked.
class DaemonProcess {
 public:
  DaemonProcess();
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  std::string socket() const { return folder_ + "/ithacad.sock"; }
  int64_t ResidentBytes() const;
  double CpuMs() const;

 private:
  [[noreturn]] void Serve(int ready) const;

  std::string folder_;
  pid_t pid_ = -1;
};

struct Crowd {
  std::string socket;
  std::string group;
  int watchers = 0;
  // That each of them is to be told.
  int events = 0;
  int connections = 1;
};

// This program again, as watchers of one group.
class WatcherProcess {
 public:
  explicit WatcherProcess(const Crowd& crowd);
  ~WatcherProcess();
  WatcherProcess(const WatcherProcess&) = delete;
  WatcherProcess& operator=(const WatcherProcess&) = delete;

  // Until each has the group.
  void WaitUntilThere() { WaitForByte(); }
  // Until each has all its events.
  void WaitUntilTold() { WaitForByte(); }

 private:
  void WaitForByte() const;

  pid_t pid_ = -1;
  int output_ = -1;
};

// Of main: whether this process is to be the watchers, and being it.
bool IsWatcherProcess(int argc, char** argv);
int RunWatchers(char** argv);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_BENCH_PROCESSES_H_
