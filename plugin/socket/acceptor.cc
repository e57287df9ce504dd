#include "plugin/socket/acceptor.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "plugin/socket/fork_guard.h"
#include "plugin/socket/tcp.h"
#include "plugin/transport/handle.h"

namespace ithaca {

// A listening socket.
class Acceptor::Port : public Pollable {
 public:
  Port(Acceptor* acceptor, int rail, int fd, sockaddr_storage address)
      : address_(address), acceptor_(acceptor), rail_(rail), fd_(fd) {}
  ~Port() override {
    acceptor_->poller_->Remove(token_);
    close(fd_);
  }
  Status Watch() {
    StatusOr<uint64_t> token = acceptor_->poller_->Add(fd_, EPOLLIN, this);
    if (token.ok()) token_ = *token;
    return token.status();
  }
  void OnReady(uint32_t) override {
    for (int i = 0; i < 64; ++i) {
      sockaddr_storage from = {};
      socklen_t length = sizeof(from);
      const int fd = OpenForThisProcess([&] {
        return accept4(fd_, reinterpret_cast<sockaddr*>(&from), &length,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
      });
      if (fd < 0) return acceptor_->OnAcceptError(errno);
      acceptor_->OnConnection(rail_, fd, from);
    }
  }
  const sockaddr_storage& address() const { return address_; }

 private:
  const sockaddr_storage address_;
  Acceptor* const acceptor_;
  const int rail_;
  const int fd_;
  uint64_t token_ = 0;
};

// A connection whose hello is not complete.
class Acceptor::Visitor : public Pollable {
 public:
  Visitor(Acceptor* acceptor, int rail, int fd, std::string peer,
          int64_t deadline_ns)
      : deadline_ns_(deadline_ns),
        acceptor_(acceptor),
        rail_(rail),
        fd_(fd),
        peer_(std::move(peer)) {}
  ~Visitor() override { Close(); }

  Status Watch() {
    StatusOr<uint64_t> token = acceptor_->poller_->Add(fd_, EPOLLIN, this);
    if (token.ok()) token_ = *token;
    return token.status();
  }

  void OnReady(uint32_t) override {
    while (fd_ >= 0) {
      const size_t want = wanted_ - input_.size();
      const ssize_t n = recv(fd_, acceptor_->poller_->scratch(), want, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) {
        // Nothing to log: a connector that closes while it dials does so.
        return input_.empty() ? Close() : Leave("it hung up");
      }
      input_.append(acceptor_->poller_->scratch(), n);
      if (input_.size() < wanted_) continue;
      if (wanted_ == kHelloBytes && !DecodeHead()) return;
      if (input_.size() == wanted_) return Deliver();
    }
  }

  void Leave(const char* why) {
    acceptor_->OnStray(peer_, why);
    Close();
  }

  bool closed() const { return fd_ < 0; }
  const int64_t deadline_ns_;

 private:
  bool DecodeHead() {
    size_t rest = 0;
    const Status status = DecodeHello(
        reinterpret_cast<const uint8_t*>(input_.data()), &hello_, &rest);
    if (!status.ok()) {
      Leave(status.message().c_str());
      return false;
    }
    wanted_ += rest;
    return true;
  }

  void Deliver() {
    hello_.address = input_.substr(kHelloBytes);
    acceptor_->poller_->Remove(token_);
    const int fd = std::exchange(fd_, -1);
    if (!acceptor_->sink_->OnHello(rail_, fd, peer_, hello_))
      acceptor_->OnStray(peer_, "its handle is stale");
  }

  void Close() {
    if (fd_ < 0) return;
    acceptor_->poller_->Remove(token_);
    close(std::exchange(fd_, -1));
  }

  Acceptor* const acceptor_;
  const int rail_;
  int fd_;
  const std::string peer_;
  uint64_t token_ = 0;
  size_t wanted_ = kHelloBytes;
  std::string input_;
  Hello hello_;
};

Acceptor::Acceptor(const std::vector<Rail>* rails, int timeout_s,
                   Poller* poller, const Clock* clock, LogSink* log,
                   HelloSink* sink)
    : rails_(rails),
      timeout_s_(timeout_s),
      poller_(poller),
      clock_(clock),
      log_(log),
      sink_(sink),
      ports_(rails->size()) {}

Acceptor::~Acceptor() = default;

StatusOr<sockaddr_storage> Acceptor::Open(int rail) {
  if (ports_[rail] == nullptr) {
    sockaddr_storage address;
    StatusOr<int> fd = ListenOn((*rails_)[rail], &address);
    if (!fd.ok()) return fd.status();
    auto port = std::make_unique<Port>(this, rail, *fd, address);
    ITHACA_RETURN_IF_ERROR(port->Watch());
    ports_[rail] = std::move(port);
  }
  return ports_[rail]->address();
}

void Acceptor::OnConnection(int rail, int fd, const sockaddr_storage& from) {
  PrepareStream(fd, timeout_s_);
  if (pending_.size() >= kMaxPending)
    pending_.front()->Leave("too many others wait to say hello");
  Expire();
  auto visitor = std::make_unique<Visitor>(
      this, rail, fd, AddressToString(from), clock_->NowNs() + kHelloTimeoutNs);
  if (visitor->Watch().ok()) pending_.push_back(std::move(visitor));
}

void Acceptor::Expire() {
  const int64_t now_ns = clock_->NowNs();
  for (auto visitor = pending_.begin(); visitor != pending_.end();) {
    if (!(*visitor)->closed() && now_ns >= (*visitor)->deadline_ns_)
      (*visitor)->Leave("it did not say hello in time");
    visitor = (*visitor)->closed() ? pending_.erase(visitor) : ++visitor;
  }
}

void Acceptor::OnAcceptError(int error) {
  // The peer waits in the backlog meanwhile; it is taken once there is room.
  const bool shortage =
      error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
  if (!shortage || std::exchange(shortage_logged_, true)) return;
  ITHACA_WARN(*log_, "ithaca: %s",
              ErrnoError(Code::kResourceExhausted, error,
                         "cannot take a peer's connection (raise the limit of "
                         "open files, ulimit -n)")
                  .ToString()
                  .c_str());
}

void Acceptor::OnStray(const std::string& peer, const char* why) {
  if (std::exchange(stray_logged_, true)) return;
  ITHACA_WARN(
      *log_,
      "ithaca: turned away a connection from %s: %s (a port scanner, or "
      "a job of another release? further ones are not logged)",
      peer.c_str(), why);
}

}  // namespace ithaca
