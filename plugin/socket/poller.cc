#include "plugin/socket/poller.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ithaca {

class Poller::Lingerer : public Pollable {
 public:
  Lingerer(Poller* poller, int fd, int64_t deadline_ns)
      : poller_(poller), fd_(fd), deadline_ns_(deadline_ns) {
    StatusOr<uint64_t> token = poller_->Add(fd, EPOLLIN, this);
    if (token.ok()) token_ = *token;
    done_ = !token.ok();
  }
  ~Lingerer() override {
    poller_->Remove(token_);
    close(fd_);
  }
  void OnReady(uint32_t) override {
    // A few reads at a time, so that a peer that goes on sending cannot hold
    // the engine.
    for (int i = 0; i < 4; ++i) {
      const ssize_t n = recv(fd_, poller_->scratch(), kScratchBytes, 0);
      if (n > 0) continue;
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      done_ = true;
      poller_->SetEvents(token_, 0);
      return;
    }
  }
  bool done(int64_t now_ns) const { return done_ || now_ns >= deadline_ns_; }

 private:
  Poller* const poller_;
  const int fd_;
  const int64_t deadline_ns_;
  uint64_t token_ = 0;
  bool done_ = false;
};

StatusOr<std::unique_ptr<Poller>> Poller::Create(const Clock* clock) {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot make an epoll");
  return std::unique_ptr<Poller>(new Poller(fd, clock));
}

Poller::Poller(int epoll_fd, const Clock* clock)
    : epoll_fd_(epoll_fd), clock_(clock), scratch_(new char[kScratchBytes]) {}

Poller::~Poller() {
  lingerers_.clear();
  close(epoll_fd_);
}

StatusOr<uint64_t> Poller::Add(int fd, uint32_t events, Pollable* pollable) {
  const uint64_t token = next_token_++;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot watch a socket");
  watches_[token] = {fd, pollable};
  return token;
}

void Poller::SetEvents(uint64_t token, uint32_t events) {
  const auto watch = watches_.find(token);
  if (watch == watches_.end()) return;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, watch->second.fd, &event);
}

void Poller::Remove(uint64_t token) {
  const auto watch = watches_.find(token);
  if (watch == watches_.end()) return;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, watch->second.fd, nullptr);
  watches_.erase(watch);
}

void Poller::FlushSoon(Flushable* flushable) {
  if (std::find(flush_.begin(), flush_.end(), flushable) == flush_.end())
    flush_.push_back(flushable);
}

void Poller::ForgetFlush(Flushable* flushable) {
  std::replace(flush_.begin(), flush_.end(), flushable,
               static_cast<Flushable*>(nullptr));
}

void Poller::Linger(int fd, int64_t timeout_ns) {
  lingerers_.push_back(
      std::make_unique<Lingerer>(this, fd, clock_->NowNs() + timeout_ns));
}

int Poller::Poll() {
  epoll_event events[kBatch];
  const int n = epoll_wait(epoll_fd_, events, kBatch, 0);
  for (int i = 0; i < n; ++i) {
    // A handler before may have removed this one.
    const auto watch = watches_.find(events[i].data.u64);
    if (watch != watches_.end())
      watch->second.pollable->OnReady(events[i].events);
  }
  if (!lingerers_.empty()) ReapLingerers();
  return std::max(n, 0);
}

void Poller::Flush() {
  // By index: flushing may queue more, and may forget some.
  for (size_t i = 0; i < flush_.size(); ++i)
    if (flush_[i] != nullptr) std::exchange(flush_[i], nullptr)->OnFlush();
  flush_.clear();
}

void Poller::ReapLingerers() {
  const int64_t now_ns = clock_->NowNs();
  lingerers_.erase(
      std::remove_if(lingerers_.begin(), lingerers_.end(),
                     [&](const auto& l) { return l->done(now_ns); }),
      lingerers_.end());
}

}  // namespace ithaca
