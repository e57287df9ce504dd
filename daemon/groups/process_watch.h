// Tells when local processes end, by their pidfds.
//
// A process is named by its id and the moment at which it started: ids are
// reused, the pair is not. A process that has ended already is told as ended at
// once. Watches of one process share one descriptor.
//
// Used by GroupsService for members of this node, whichever daemon coordinates
// their group. Threads: all methods from any; callbacks run on a thread of its
// own, or on the caller's of Watch, without a lock held. Life: Start; Stop,
// after which no exit is told; then destroy, when nobody calls any more. The
// callback of a watch that is being cancelled on another thread may run.
#ifndef ITHACA_DAEMON_GROUPS_PROCESS_WATCH_H_
#define ITHACA_DAEMON_GROUPS_PROCESS_WATCH_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::groups {

class ProcessWatch {
 public:
  struct Options {
    // Processes watched at a time; each costs a descriptor.
    size_t max_processes = 16384;
  };
  using Id = uint64_t;

  // When the process started, in clock ticks since the machine did (field 22 of
  // /proc/PID/stat); nothing: there is no such process, or it is not ours to
  // see.
  static std::optional<uint64_t> StartTime(pid_t pid);

  // RESOURCE_EXHAUSTED: there are no descriptors.
  static absl::StatusOr<std::unique_ptr<ProcessWatch>> Start(Options options);
  ~ProcessWatch();

  // Calls `on_exit` once, when the process has ended, unless Cancel comes
  // before. `started` is when the process started as seen when it was known to
  // live; 0: that was not seen, and the process that has the id now is taken
  // for it. Errors, without a watch: INVALID_ARGUMENT (pid 0: it lives where
  // this process cannot see it), RESOURCE_EXHAUSTED (too many processes, or no
  // descriptor is left).
  absl::StatusOr<Id> Watch(pid_t pid, uint64_t started,
                           std::function<void()> on_exit);
  // Nothing happens when the watch has ended.
  void Cancel(Id id);
  // Idempotent.
  void Stop();

  // Processes that are watched.
  size_t size();

 private:
  using Process = std::pair<pid_t, uint64_t>;
  struct Entry {
    int pidfd = -1;
    std::unordered_map<Id, std::function<void()>> watches;
  };

  explicit ProcessWatch(Options options) : options_(options) {}
  absl::Status Open();
  void Loop();
  void Exited(uint64_t key);

  const Options options_;
  int epoll_ = -1;
  int wake_ = -1;

  std::mutex mutex_;
  // Below: guarded by mutex_.
  Id last_id_ = 0;
  // Epoll's name of an entry, so that a late event of a descriptor that was
  // closed is nobody's.
  uint64_t last_key_ = 0;
  std::map<Process, uint64_t> keys_;
  std::unordered_map<uint64_t, std::pair<Process, Entry>> entries_;
  std::unordered_map<Id, uint64_t> key_of_watch_;

  std::thread thread_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_PROCESS_WATCH_H_
