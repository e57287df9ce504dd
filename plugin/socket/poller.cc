#include "plugin/socket/poller.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "plugin/socket/fork_guard.h"

namespace ithaca {

class Poller::Lingerer : public Pollable {
 public:
  Lingerer(Poller* poller, int fd, int64_t deadline_ns)
      : deadline_ns_(deadline_ns), poller_(poller), fd_(fd) {}
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
      poller_->Remove(token_);
      poller_->lingered_.splice(poller_->lingered_.end(), poller_->lingerers_,
                                place_);
      return;
    }
  }
  Status Watch(std::list<std::unique_ptr<Lingerer>>::iterator place) {
    place_ = place;
    StatusOr<uint64_t> token = poller_->Add(fd_, EPOLLIN, this);
    if (token.ok()) token_ = *token;
    return token.status();
  }
  const int64_t deadline_ns_;

 private:
  Poller* const poller_;
  const int fd_;
  uint64_t token_ = 0;
  std::list<std::unique_ptr<Lingerer>>::iterator place_;
};

StatusOr<std::unique_ptr<Poller>> Poller::Create(const Clock* clock) {
  const int fd =
      OpenForThisProcess([] { return epoll_create1(EPOLL_CLOEXEC); });
  if (fd < 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot make an epoll");
  return std::unique_ptr<Poller>(new Poller(fd, clock));
}

Poller::Poller(int epoll_fd, const Clock* clock)
    : epoll_fd_(epoll_fd), clock_(clock), scratch_(new char[kScratchBytes]) {}

Poller::~Poller() {
  lingerers_.clear();
  lingered_.clear();
  close(epoll_fd_);
}

StatusOr<uint64_t> Poller::Add(int fd, uint32_t events, Pollable* pollable) {
  if (free_.empty()) {
    free_.push_back(watches_.size());
    watches_.emplace_back();
  }
  const uint32_t place = free_.back();
  Watch& watch = watches_[place];
  const uint64_t token = uint64_t{watch.round + 1} << 32 | place;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0)
    return ErrnoError(Code::kResourceExhausted, errno, "cannot watch a socket");
  free_.pop_back();
  watch = {watch.round + 1, fd, pollable};
  return token;
}

Poller::Watch* Poller::Find(uint64_t token) {
  const size_t place = static_cast<uint32_t>(token);
  if (place >= watches_.size()) return nullptr;
  Watch* const watch = &watches_[place];
  const bool same = watch->pollable != nullptr && watch->round == token >> 32;
  return same ? watch : nullptr;
}

void Poller::SetEvents(uint64_t token, uint32_t events) {
  const Watch* const watch = Find(token);
  if (watch == nullptr) return;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, watch->fd, &event);
}

void Poller::Remove(uint64_t token) {
  Watch* const watch = Find(token);
  if (watch == nullptr) return;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, watch->fd, nullptr);
  watch->pollable = nullptr;
  free_.push_back(watch - watches_.data());
}

void Poller::FlushSoon(Flushable* flushable) {
  if (flushable->place_ != 0) return;
  flush_.push_back(flushable);
  flushable->place_ = flush_.size();
}

void Poller::ForgetFlush(Flushable* flushable) {
  if (flushable->place_ != 0) flush_[flushable->place_ - 1] = nullptr;
  flushable->place_ = 0;
}

void Poller::Linger(int fd) {
  lingerers_.push_back(
      std::make_unique<Lingerer>(this, fd, clock_->NowNs() + kLingerNs));
  const auto place = std::prev(lingerers_.end());
  if (!(*place)->Watch(place).ok()) lingerers_.erase(place);
}

int Poller::Poll() {
  EndLingerers();
  if (!hot()) return PollAll();
  const Watch* const watch = Find(last_);
  if (watch == nullptr || !watch->pollable->chats()) {
    in_a_row_ = 0;
    return PollAll();
  }
  const bool came = watch->pollable->TryRead();
  if (came) in_a_row_ = std::min(in_a_row_ + 1, 2 * kInARow);
  if (++looks_ % kLooks != 0) return came;
  return came + PollAll();
}

void Poller::Note(const epoll_event* events, int n) {
  const uint64_t token = events[0].data.u64;
  const Watch* const watch = Find(token);
  const bool alone = n == 1 && events[0].events == EPOLLIN && token == last_ &&
                     watch != nullptr && watch->pollable->chats();
  if (alone) {
    in_a_row_ = std::min(in_a_row_ + 1, 2 * kInARow);
  } else if ((in_a_row_ -= kInARow / 2) <= 0) {
    in_a_row_ = 0;
    last_ = token;
  }
}

int Poller::PollAll() {
  epoll_event events[kBatch];
  const int n = epoll_wait(epoll_fd_, events, kBatch, 0);
  for (int i = 0; i < n; ++i) {
    // A handler before may have removed this one.
    if (const Watch* const watch = Find(events[i].data.u64))
      watch->pollable->OnReady(events[i].events);
  }
  if (n > 0) Note(events, n);
  return std::max(n, 0);
}

void Poller::Flush() {
  // By index: flushing may queue more, and may forget some.
  for (size_t i = 0; i < flush_.size(); ++i) {
    Flushable* const flushable = flush_[i];
    if (flushable == nullptr) continue;
    flushable->place_ = 0;
    flushable->OnFlush();
  }
  flush_.clear();
}

void Poller::EndLingerers() {
  lingered_.clear();
  if (lingerers_.empty()) return;
  const int64_t now_ns = clock_->NowNs();
  while (!lingerers_.empty() && now_ns >= lingerers_.front()->deadline_ns_)
    lingerers_.pop_front();
}

}  // namespace ithaca
