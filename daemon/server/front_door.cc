#include "daemon/server/front_door.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ithaca::server {
namespace {

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Describe(const Guest& guest) {
  return "connection from " + guest.name;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrontDoor>> FrontDoor::Start(Options options) {
  std::unique_ptr<FrontDoor> door(new FrontDoor(std::move(options)));
  if (absl::Status status = door->Open(); !status.ok()) return status;
  door->thread_ = std::thread([raw = door.get()] { raw->Loop(); });
  return door;
}

absl::Status FrontDoor::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  spare_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (epoll_ < 0 || wake_ < 0 || spare_ < 0 ||
      !Watch(options_.listener, EPOLLIN) || !Watch(wake_, EPOLLIN)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot accept connections: ", std::strerror(errno),
                     "; raise the limit of open files (ulimit -n)"));
  }
  return absl::OkStatus();
}

FrontDoor::~FrontDoor() {
  Stop();
  for (int fd : {epoll_, wake_, spare_}) {
    if (fd >= 0) close(fd);
  }
}

bool FrontDoor::Watch(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void FrontDoor::Stop() {
  stopping_ = true;
  const uint64_t one = 1;
  if (wake_ >= 0 && write(wake_, &one, sizeof one) < 0) {
    // The counter is full, so the thread is awake already.
  }
  if (!thread_.joinable()) return;
  thread_.join();
  for (const auto& [fd, waiting] : waiting_) close(fd);
  for (const auto& [fd, key] : inside_) close(fd);
  waiting_.clear();
  inside_.clear();
}

int FrontDoor::NextTimeoutMs() const {
  if (deadlines_.empty()) return -1;
  return static_cast<int>(
      std::max<int64_t>(0, deadlines_.front().first - NowMs()));
}

void FrontDoor::Loop() {
  epoll_event events[64];
  while (!stopping_) {
    const int count = epoll_wait(epoll_, events, 64, NextTimeoutMs());
    for (int i = 0; i < count && !stopping_; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_) continue;
      if (fd == options_.listener) {
        AcceptAll();
      } else if (waiting_.count(fd) != 0) {
        Look(fd);
      } else if (inside_.count(fd) != 0) {
        Gone(fd);
      }
    }
    ExpireLate();
  }
}

void FrontDoor::AcceptAll() {
  // Bounded, so that a flood does not keep the others waiting.
  for (int i = 0; i < 64; ++i) {
    const int fd = accept4(options_.listener, nullptr, nullptr,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) ShedOne();
      return;
    }
    std::optional<Guest> guest = options_.greet(fd);
    if (guest.has_value()) {
      Welcome(fd, *std::move(guest));
    } else {
      close(fd);
    }
  }
}

void FrontDoor::ShedOne() {
  close(spare_);
  const int fd = accept4(options_.listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) close(fd);
  spare_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Refused(kNoDescriptor,
          "a connection was dropped: no descriptor is left; raise the limit of "
          "open files (ulimit -n)");
}

void FrontDoor::Welcome(int fd, Guest guest) {
  const size_t open = waiting_.size() + inside_.size();
  const auto found = by_key_.find(guest.key);
  const size_t of_one = found == by_key_.end() ? 0 : found->second;
  // A remote guest has no user here.
  const bool admin = guest.peer.pid != 0 &&
                     (guest.peer.uid == 0 || guest.peer.uid == geteuid());
  const bool full =
      open + (admin ? 0 : options_.reserved) >= options_.max_connections;
  if (full || of_one >= options_.max_connections_per_guest) {
    Refused(full ? kTooMany : kTooManyOfOne,
            absl::StrCat(Describe(guest), " was dropped: ", open,
                         " connections are open, ", of_one, " of them of ",
                         guest.key, "; close some"));
    close(fd);
    return;
  }
  const int64_t deadline = NowMs() + options_.patience_ms;
  // Edge-triggered: what was looked at and is not enough must not wake us
  // again.
  if (!Watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLET)) {
    close(fd);
    return;
  }
  ++by_key_[guest.key];
  waiting_[fd] = Waiting{std::move(guest), deadline};
  deadlines_.emplace_back(deadline, fd);
}

void FrontDoor::Look(int fd) {
  char bytes[kPrefaceBytes];
  const ssize_t count = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    // It went without a word, as a test whether somebody listens does.
    TurnAway(fd, nullptr, "");
    return;
  }
  const std::string_view seen(bytes, static_cast<size_t>(count));
  switch (options_.judge(seen)) {
    case Preface::kIncomplete:
      return;
    case Preface::kGood:
      LetIn(fd);
      return;
    case Preface::kBad:
      TurnAway(fd, kOtherProtocol,
               absl::StrCat("was closed: it does not speak ", options_.language,
                            "; it began with \"",
                            absl::CHexEscape(
                                absl::string_view(seen.data(), seen.size())),
                            "\""));
  }
}

void FrontDoor::LetIn(int fd) {
  const Guest guest = std::move(waiting_.at(fd).guest);
  waiting_.erase(fd);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  const int watched = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  const bool room = watched >= 0 && Watch(watched, EPOLLRDHUP);
  if (!room) close(fd);
  if (room && options_.admit(fd, guest)) {
    inside_[watched] = guest.key;
    TellInside();
    return;
  }
  if (watched >= 0) close(watched);
  Forget(guest.key);
  Refused(kNoDescriptor,
          absl::StrCat(Describe(guest),
                       " was dropped: no descriptor is left; raise the limit "
                       "of open files (ulimit -n)"));
}

void FrontDoor::Refused(const char* cause, const std::string& text) {
  if (options_.refused != nullptr) options_.refused(cause);
  options_.log->WarnLimited(text, NowMs());
}

void FrontDoor::TellInside() const {
  if (options_.inside != nullptr) options_.inside(inside_.size());
}

void FrontDoor::TurnAway(int fd, const char* cause, const std::string& why) {
  const Guest guest = std::move(waiting_.at(fd).guest);
  // First the line, then the end: whoever sees the end finds the line.
  if (cause != nullptr) Refused(cause, absl::StrCat(Describe(guest), " ", why));
  waiting_.erase(fd);
  Forget(guest.key);
  close(fd);
}

void FrontDoor::ExpireLate() {
  const int64_t now = NowMs();
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto [deadline, fd] = deadlines_.front();
    deadlines_.pop_front();
    const auto found = waiting_.find(fd);
    // The number may belong to a younger connection by now.
    if (found == waiting_.end() || found->second.deadline_ms != deadline)
      continue;
    TurnAway(fd, kLate,
             absl::StrCat("was closed: it did not begin to speak ",
                          options_.language, " within ", options_.patience_ms,
                          " ms"));
  }
}

void FrontDoor::Gone(int watched_fd) {
  const std::string key = inside_.at(watched_fd);
  inside_.erase(watched_fd);
  TellInside();
  Forget(key);
  close(watched_fd);
}

void FrontDoor::Forget(const std::string& key) {
  const auto found = by_key_.find(key);
  if (--found->second == 0) by_key_.erase(found);
}

}  // namespace ithaca::server
