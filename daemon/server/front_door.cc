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
#include "daemon/groups/process_watch.h"
#include "daemon/server/preface.h"

namespace ithaca::server {
namespace {

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Describe(const Peer& peer) {
  return absl::StrCat("connection from pid ", peer.pid, ", uid ", peer.uid);
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
  for (const auto& [fd, uid] : inside_) close(fd);
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
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      close(fd);
      continue;
    }
    Welcome(fd, Peer{credentials.uid, credentials.gid, credentials.pid});
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

void FrontDoor::Welcome(int fd, const Peer& peer) {
  const size_t open = waiting_.size() + inside_.size();
  const auto found = by_user_.find(peer.uid);
  const size_t of_user = found == by_user_.end() ? 0 : found->second;
  const bool full = open >= options_.max_connections;
  if (full || of_user >= options_.max_connections_per_user) {
    Refused(full ? kTooMany : kTooManyOfUser,
            absl::StrCat(Describe(peer), " was dropped: ", open,
                         " connections are open, ", of_user,
                         " of them this user's; close some"));
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
  ++by_user_[peer.uid];
  waiting_[fd] = Waiting{peer, deadline};
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
  switch (JudgePreface(seen)) {
    case Preface::kIncomplete:
      return;
    case Preface::kGood:
      LetIn(fd);
      return;
    case Preface::kBad:
      TurnAway(
          fd, kNotHttp2,
          absl::StrCat(
              "was closed: it does not speak HTTP/2; it began with \"",
              absl::CHexEscape(absl::string_view(seen.data(), seen.size())),
              "\""));
  }
}

void FrontDoor::LetIn(int fd) {
  Peer peer = waiting_.at(fd).peer;
  // It has just spoken, so it most likely lives. Whoever has its id later and
  // started at another time is another process.
  if (peer.pid != 0)
    peer.started = groups::ProcessWatch::StartTime(peer.pid).value_or(0);
  waiting_.erase(fd);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  const int watched = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  const std::optional<int> own = options_.owners->Assign(fd, peer);
  if (watched < 0 || !own.has_value() || !Watch(watched, EPOLLRDHUP)) {
    if (watched >= 0) close(watched);
    if (own.has_value()) close(*own);
    Forget(peer.uid);
    Refused(kNoDescriptor,
            absl::StrCat(Describe(peer),
                         " was dropped: no descriptor is left; raise the limit "
                         "of open files (ulimit -n)"));
    return;
  }
  inside_[watched] = peer.uid;
  TellInside();
  options_.admit(*own);
}

void FrontDoor::Refused(const char* cause, const std::string& text) {
  if (options_.refused != nullptr) options_.refused(cause);
  options_.log->WarnLimited(text, NowMs());
}

void FrontDoor::TellInside() const {
  if (options_.inside != nullptr) options_.inside(inside_.size());
}

void FrontDoor::TurnAway(int fd, const char* cause, const std::string& why) {
  const Peer peer = waiting_.at(fd).peer;
  // First the line, then the end: whoever sees the end finds the line.
  if (cause != nullptr) Refused(cause, absl::StrCat(Describe(peer), " ", why));
  waiting_.erase(fd);
  Forget(peer.uid);
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
    TurnAway(
        fd, kLate,
        absl::StrCat("was closed: it did not begin to speak HTTP/2 within ",
                     options_.patience_ms, " ms"));
  }
}

void FrontDoor::Gone(int watched_fd) {
  const uid_t uid = inside_.at(watched_fd);
  inside_.erase(watched_fd);
  TellInside();
  Forget(uid);
  close(watched_fd);
}

void FrontDoor::Forget(uid_t uid) {
  const auto found = by_user_.find(uid);
  if (--found->second == 0) by_user_.erase(found);
}

}  // namespace ithaca::server
