#include "daemon/groups/process_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ithaca::groups {
namespace {

// Field 22, counted from the one behind the name, which is the third.
constexpr size_t kStartTimeField = 22 - 3;
// Of epoll's events: the thread is to end.
constexpr uint64_t kWakeKey = 0;

int PidfdOpen(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

absl::Status NoDescriptor() {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot watch a process: ", std::strerror(errno),
                   "; raise the limit of open files (ulimit -n)"));
}

}  // namespace

std::optional<uint64_t> ProcessWatch::StartTime(pid_t pid) {
  const int fd =
      open(absl::StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[1024];
  const ssize_t size = read(fd, text, sizeof text);
  close(fd);
  if (size <= 0) return std::nullopt;
  // The name is in parentheses, and may contain anything.
  const absl::string_view line(text, static_cast<size_t>(size));
  const size_t name_end = line.rfind(") ");
  if (name_end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(line.substr(name_end + 2), ' ');
  uint64_t start = 0;
  if (fields.size() <= kStartTimeField ||
      !absl::SimpleAtoi(fields[kStartTimeField], &start)) {
    return std::nullopt;
  }
  return start;
}

absl::StatusOr<std::unique_ptr<ProcessWatch>> ProcessWatch::Start(
    Options options) {
  std::unique_ptr<ProcessWatch> watch(new ProcessWatch(options));
  if (absl::Status status = watch->Open(); !status.ok()) return status;
  watch->thread_ = std::thread([raw = watch.get()] { raw->Loop(); });
  return watch;
}

absl::Status ProcessWatch::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeKey;
  if (epoll_ < 0 || wake_ < 0 ||
      epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return NoDescriptor();
  }
  return absl::OkStatus();
}

void ProcessWatch::Stop() {
  const uint64_t one = 1;
  if (wake_ >= 0 && write(wake_, &one, sizeof one) < 0) {
    // The counter is full, so the thread is awake already.
  }
  if (thread_.joinable()) thread_.join();
}

ProcessWatch::~ProcessWatch() {
  Stop();
  for (const auto& [key, entry] : entries_) close(entry.second.pidfd);
  for (int fd : {epoll_, wake_}) {
    if (fd >= 0) close(fd);
  }
}

absl::StatusOr<ProcessWatch::Id> ProcessWatch::Watch(
    pid_t pid, uint64_t started, std::function<void()> on_exit) {
  if (pid <= 0) {
    return absl::InvalidArgumentError(
        "the process lives in a pid namespace that the daemon cannot see");
  }
  const std::optional<uint64_t> before = StartTime(pid);
  if (started == 0) started = before.value_or(0);
  std::unique_lock<std::mutex> lock(mutex_);
  const Id id = ++last_id_;
  auto known = keys_.find({pid, started});
  if (known == keys_.end()) {
    if (entries_.size() >= options_.max_processes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the daemon watches ", entries_.size(), " processes, all it can"));
    }
    const int pidfd = PidfdOpen(pid);
    if (pidfd < 0 && errno != ESRCH && errno != EINVAL) return NoDescriptor();
    // The descriptor is of whoever has the id now: the one that is meant, when
    // that one has started when it should have.
    const bool same =
        before == StartTime(pid) && (started == 0 || before == started);
    if (pidfd < 0 || !same) {
      if (pidfd >= 0) close(pidfd);
      lock.unlock();
      on_exit();
      return id;
    }
    const uint64_t key = ++last_key_;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = key;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, pidfd, &event) != 0) {
      const absl::Status failed = NoDescriptor();
      close(pidfd);
      return failed;
    }
    known = keys_.emplace(Process{pid, started}, key).first;
    entries_[key] = {Process{pid, started}, Entry{pidfd, {}}};
  }
  entries_.at(known->second).second.watches[id] = std::move(on_exit);
  key_of_watch_[id] = known->second;
  return id;
}

void ProcessWatch::Cancel(Id id) {
  std::function<void()> dropped;  // destroyed without the lock
  std::lock_guard<std::mutex> lock(mutex_);
  const auto key = key_of_watch_.find(id);
  if (key == key_of_watch_.end()) return;
  const auto found = entries_.find(key->second);
  auto& [process, entry] = found->second;
  dropped = std::move(entry.watches.at(id));
  entry.watches.erase(id);
  key_of_watch_.erase(key);
  if (!entry.watches.empty()) return;
  close(entry.pidfd);
  keys_.erase(process);
  entries_.erase(found);
}

size_t ProcessWatch::size() {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_.size();
}

void ProcessWatch::Exited(uint64_t key) {
  Entry gone;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    gone = std::move(found->second.second);
    keys_.erase(found->second.first);
    entries_.erase(found);
    for (const auto& [id, on_exit] : gone.watches) key_of_watch_.erase(id);
  }
  close(gone.pidfd);
  for (const auto& [id, on_exit] : gone.watches) on_exit();
}

void ProcessWatch::Loop() {
  epoll_event events[64];
  for (;;) {
    const int count = epoll_wait(epoll_, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kWakeKey) return;
      Exited(events[i].data.u64);
    }
  }
}

}  // namespace ithaca::groups
