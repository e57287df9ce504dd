#include "plugin/socket/dialer.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/core/clock.h"
#include "plugin/socket/tcp.h"
#include "plugin/transport/handle.h"

namespace ithaca {

Dialer::Dialer(const std::vector<Rail>* rails, std::vector<Target> targets,
               std::function<StatusOr<Hello>(int)> hello_for, int timeout_s,
               Poller* poller, Patience patience)
    : rails_(rails),
      targets_(std::move(targets)),
      hello_for_(std::move(hello_for)),
      timeout_s_(timeout_s),
      poller_(poller),
      patience_(patience) {}

Dialer::~Dialer() { Close(); }

void Dialer::Start() {
  if (started_) return;
  started_ = true;
  Attempt();
}

void Dialer::Attempt() {
  while (state_ == State::kTrying && fd_ < 0) {
    const Target& target = targets_[current_];
    StatusOr<Hello> hello = hello_for_(target.rail);
    if (!hello.ok()) {
      Fail(hello.status());
      continue;
    }
    hello_ = std::move(hello).value();
    output_ = EncodeHello(hello_);
    written_ = 0;
    input_.clear();
    wanted_ = kWelcomeBytes;
    connected_ = false;
    since_ns_ = 0;
    StatusOr<int> fd =
        StartConnect((*rails_)[target.rail], target.address, timeout_s_);
    if (!fd.ok()) {
      Fail(fd.status());
      continue;
    }
    fd_ = *fd;
    StatusOr<uint64_t> token = poller_->Add(fd_, EPOLLIN | EPOLLOUT, this);
    if (token.ok())
      token_ = *token;
    else
      Fail(token.status());
  }
}

void Dialer::Fail(const Status& why) {
  Close();
  error_ = error_.ok()
               ? why
               : Status(why.code(), error_.message() + "; " + why.message());
  if (refused_ || ++current_ == targets_.size()) {
    current_ = 0;
    state_ = State::kFailed;
  }
}

void Dialer::HurryUp(int64_t now_ns) {
  if (state_ != State::kTrying || fd_ < 0) return;
  if (since_ns_ == 0) since_ns_ = now_ns;
  // A busy peer may take its time to answer the hello.
  int64_t limit_ns = patience_.welcome_ns;
  if (!connected_) {
    limit_ns = patience_.connect_ns;
    if (limit_ns == 0 && current_ + 1 < targets_.size())
      limit_ns =
          timeout_s_ * kNsPerSecond / static_cast<int64_t>(targets_.size());
  }
  if (limit_ns > 0 && now_ns - since_ns_ >= limit_ns)
    NextTarget(Errorf(Code::kUnavailable, "%s: no %s within %lld ms",
                      Describe().c_str(), connected_ ? "welcome" : "answer",
                      static_cast<long long>(limit_ns / kNsPerMs)));
}

void Dialer::NextTarget(const Status& why) {
  state_ = State::kTrying;
  Fail(why);
  Attempt();
}

void Dialer::OnReady(uint32_t events) {
  if (!connected_ && !FinishConnect()) return Attempt();
  if (events & EPOLLOUT && !SendHello()) return Attempt();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    ReadWelcome();
    Attempt();
  }
}

bool Dialer::FinishConnect() {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    nobody_there_ |= error == ECONNREFUSED;
    Fail(ErrnoError(Code::kUnavailable, error, "connecting %s",
                    Describe().c_str()));
    return false;
  }
  connected_ = true;
  since_ns_ = 0;
  return true;
}

bool Dialer::SendHello() {
  while (written_ < output_.size()) {
    const ssize_t n = send(fd_, output_.data() + written_,
                           output_.size() - written_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n < 0) {
      Fail(ErrnoError(Code::kUnavailable, errno, "greeting %s",
                      Describe().c_str()));
      return false;
    }
    written_ += n;
  }
  poller_->SetEvents(token_, EPOLLIN);
  return true;
}

void Dialer::ReadWelcome() {
  while (input_.size() < wanted_) {
    const ssize_t n = recv(fd_, poller_->scratch(), wanted_ - input_.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      hung_up_ |= n == 0;
      return Fail(n == 0 ? Errorf(Code::kUnavailable,
                                  "%s hung up during the handshake",
                                  Describe().c_str())
                         : ErrnoError(Code::kUnavailable, errno,
                                      "waiting for the welcome of %s",
                                      Describe().c_str()));
    }
    input_.append(poller_->scratch(), n);
    if (input_.size() == kWelcomeBytes && wanted_ == kWelcomeBytes) {
      size_t rest = 0;
      const Status status = DecodeWelcome(
          reinterpret_cast<const uint8_t*>(input_.data()), &welcome_, &rest);
      if (!status.ok()) return Fail(status);
      wanted_ += rest;
    }
  }
  OnWelcome();
}

void Dialer::OnWelcome() {
  welcome_.text = input_.substr(kWelcomeBytes);
  if (welcome_.verdict == Verdict::kAccepted) {
    state_ = State::kWelcome;
    poller_->Remove(token_);
    return;
  }
  refused_ = true;
  Fail(Errorf(Code::kFailedPrecondition, "%s refused the connection: %s",
              Describe().c_str(), welcome_.text.c_str()));
}

int Dialer::TakeSocket() { return std::exchange(fd_, -1); }

std::string Dialer::Describe() const {
  return (*rails_)[targets_[current_].rail].name + " -> " +
         AddressToString(targets_[current_].address);
}

void Dialer::Close() {
  if (fd_ < 0) return;
  poller_->Remove(token_);
  close(std::exchange(fd_, -1));
}

}  // namespace ithaca
